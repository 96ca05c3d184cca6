"""Tests against a real Daytona account; without credentials they are skipped.

    DAYTONA_API_KEY=… pytest tests/live

Every sandbox carries a label of this run. However the run ends, all that carry it are
deleted, and there are never more than `MOST` made; what even `kill -9` leaves behind is
stopped and deleted by the intervals that the tests set.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import daytona as sdk  # its names are found when they are used, and none is used without an account
import pytest

from daytona_toolkit import DaytonaSandbox, SandboxSession

MOST = 8
LABEL = "daytona-toolkit-live-test"

MakeParams = Callable[[], "sdk.CreateSandboxFromSnapshotParams"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is in this folder when there are no credentials."""
    if os.environ.get("DAYTONA_API_KEY"):
        return
    skipped = pytest.mark.skip(reason="set DAYTONA_API_KEY to run against a real Daytona")
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(skipped)


@pytest.fixture(scope="session")
def client() -> "sdk.Daytona":
    """The plain SDK, to look from outside."""
    return sdk.Daytona()


@pytest.fixture(scope="session")
def make_params(client: "sdk.Daytona") -> Iterator[MakeParams]:
    """Parameters of a sandbox that is deleted whatever happens; only so many."""
    labels = {LABEL: uuid.uuid4().hex}
    made = 0

    def make() -> "sdk.CreateSandboxFromSnapshotParams":
        nonlocal made
        made += 1
        assert made <= MOST, f"these tests make {MOST} sandboxes at the most"
        return sdk.CreateSandboxFromSnapshotParams(
            labels=labels, auto_stop_interval=5, auto_delete_interval=10
        )

    try:
        yield make
    finally:
        for left in list(client.list(sdk.ListSandboxesQuery(labels=labels))):
            with suppress(sdk.DaytonaError):  # it may be about to go; its intervals remain
                client.delete(left)


@pytest.fixture(scope="module")
def session(make_params: MakeParams) -> Iterator[SandboxSession]:
    """One sandbox for all tests that do not need one of their own."""
    with SandboxSession(DaytonaSandbox.create(make_params())) as session:
        yield session


@pytest.fixture
def make_session(make_params: MakeParams) -> Callable[..., SandboxSession]:
    """A session over a sandbox of its own, not opened yet."""
    return lambda **options: SandboxSession(DaytonaSandbox.create(make_params()), **options)


def pytest_report_header(config: Any) -> str | None:
    """Say where the tests go."""
    if not os.environ.get("DAYTONA_API_KEY"):
        return None
    return f"live tests: {os.environ.get('DAYTONA_API_URL', 'https://app.daytona.io/api')}"
