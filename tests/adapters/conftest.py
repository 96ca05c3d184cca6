"""A workspace for the tests of the adapters: a local sandbox, as confined as it can be here."""

from collections.abc import Iterator

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession


@pytest.fixture
def session() -> Iterator[SandboxSession]:
    """An open session over an empty workspace."""
    with SandboxSession(LocalSandbox()) as session:
        yield session
