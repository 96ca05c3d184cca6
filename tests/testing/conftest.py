"""A server, and sandboxes on it through the SDK."""

import shutil
from collections.abc import AsyncIterator, Iterator

import daytona as sdk
import pytest

from daytona_toolkit.testing import DaytonaServer
from tests.daytona.support import config_of


@pytest.fixture(scope="module")
def server() -> Iterator[DaytonaServer]:
    with DaytonaServer() as server:
        yield server


@pytest.fixture(autouse=True)
def as_new(server: DaytonaServer) -> Iterator[None]:
    """Undo what a test sets."""
    settings = {name: value for name, value in vars(server).items() if name[0] != "_"}
    yield
    server.faults.clear()
    vars(server).update(settings)


@pytest.fixture(scope="module")
def daytona(server: DaytonaServer) -> "sdk.Daytona":
    return sdk.Daytona(config_of(server))


@pytest.fixture(scope="module")
def common_sandbox(server: DaytonaServer, daytona: "sdk.Daytona") -> "sdk.Sandbox":
    """What `sandbox` is: to start one costs more than most tests."""
    return daytona.create()


@pytest.fixture
def sandbox(server: DaytonaServer, common_sandbox: "sdk.Sandbox") -> "sdk.Sandbox":
    """A sandbox with no file in its work dir, and no session."""
    for session in common_sandbox.process.list_sessions():
        common_sandbox.process.delete_session(session.session_id)
    for path in server.sandboxes[common_sandbox.id].work_dir.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return common_sandbox


@pytest.fixture
def own_sandbox(server: DaytonaServer, daytona: "sdk.Daytona") -> Iterator["sdk.Sandbox"]:
    """A new sandbox, for a test that stops, changes or removes it."""
    sandbox = daytona.create()
    yield sandbox
    if sandbox.id in server.sandboxes:
        server.remove_sandbox(sandbox.id)


@pytest.fixture
async def async_sandbox(server: DaytonaServer) -> AsyncIterator["sdk.AsyncSandbox"]:
    async with sdk.AsyncDaytona(config_of(server)) as daytona:
        sandbox = await daytona.create()
        yield sandbox
        server.remove_sandbox(sandbox.id)
