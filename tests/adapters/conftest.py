"""A workspace for the tests of the adapters: a local sandbox, as confined as it can be here."""

import asyncio
from collections.abc import Iterator

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession


@pytest.fixture
def session() -> Iterator[SandboxSession]:
    """An open session over an empty workspace."""
    with SandboxSession(LocalSandbox()) as session:
        yield session


@pytest.fixture
def loops_of_run_sync(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the loops that Pydantic AI's `run_sync` makes, and keeps for the next run."""
    make, made = asyncio.new_event_loop, []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    asyncio.set_event_loop(new_event_loop())
    yield
    asyncio.set_event_loop(None)
    for loop in made:
        loop.close()
