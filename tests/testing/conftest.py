"""A server, and sandboxes on it through the SDK."""

from collections.abc import AsyncIterator, Iterator

import pytest
from daytona import AsyncDaytona, AsyncSandbox, Daytona, Sandbox

from daytona_toolkit.testing import DaytonaServer
from tests.testing.support import config


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
def daytona(server: DaytonaServer) -> Daytona:
    return Daytona(config(server))


@pytest.fixture
def sandbox(server: DaytonaServer, daytona: Daytona) -> Iterator[Sandbox]:
    sandbox = daytona.create()
    yield sandbox
    if sandbox.id in server.sandboxes:
        server.remove_sandbox(sandbox.id)


@pytest.fixture
async def async_sandbox(server: DaytonaServer) -> AsyncIterator[AsyncSandbox]:
    async with AsyncDaytona(config(server)) as daytona:
        sandbox = await daytona.create()
        yield sandbox
        server.remove_sandbox(sandbox.id)
