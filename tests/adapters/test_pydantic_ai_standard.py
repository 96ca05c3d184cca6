"""The suite that Pydantic AI ships for workspace backends, over a session."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pydantic_ai import RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage
from pydantic_ai.workspaces import WorkspaceBackend, WorkspaceRef
from pydantic_ai.workspaces.conformance import WorkspaceBackendSuite
from pydantic_ai_daytona_toolkit import LIMITS, DaytonaBackend, DaytonaWorkspace

from daytona_toolkit import DaytonaSandbox, LocalSandbox, SandboxSession
from daytona_toolkit.errors import SandboxGoneError
from daytona_toolkit.testing import DaytonaServer
from tests.daytona.support import config_of

Make = Callable[[str | None], SandboxSession]


def backend_by(make: Make, ref: WorkspaceRef | None) -> WorkspaceBackend:
    """What a run would have."""
    ctx = RunContext(deps=None, model=TestModel(), usage=RunUsage())
    backend = DaytonaWorkspace(make).get_workspace(ctx, ref=ref)
    assert backend is not None
    return backend


class TestOnTheLocalSandbox(WorkspaceBackendSuite):
    @pytest.fixture
    def sessions(self) -> list[SandboxSession]:
        return []

    @pytest.fixture
    def make(self, tmp_path: Path, sessions: list[SandboxSession]) -> Make:
        def make(sandbox_id: str | None) -> SandboxSession:
            if sandbox_id is None:
                folder = tmp_path / f"work-{len(sessions)}"
                folder.mkdir()
            elif not (folder := Path(sandbox_id.removeprefix("local:"))).is_dir():
                raise SandboxGoneError(f"{folder} is no longer there.")
            sessions.append(SandboxSession(LocalSandbox(folder), limits=LIMITS))
            return sessions[-1]

        return make

    @pytest.fixture
    async def backend(self, make: Make) -> AsyncIterator[WorkspaceBackend]:
        async with make(None) as session:
            yield DaytonaBackend(session)

    @pytest.fixture
    def fresh_backend(self, make: Make) -> Callable[[], WorkspaceBackend]:
        return lambda: backend_by(make, None)

    @pytest.fixture
    def attach_backend(self, make: Make) -> Callable[[WorkspaceRef], WorkspaceBackend]:
        return lambda ref: backend_by(make, ref)

    @pytest.fixture
    def destroy_environment(
        self, sessions: list[SandboxSession]
    ) -> Callable[[WorkspaceBackend], Awaitable[None]]:
        async def destroy(backend: WorkspaceBackend) -> None:
            """A local sandbox is a process, which ends with its session, and a folder."""
            assert backend.ref
            for session in sessions:
                await session.aclose()
            shutil.rmtree(backend.ref.id.removeprefix("local:"))

        return destroy


@pytest.mark.slow
class TestOverDaytonasWire(TestOnTheLocalSandbox):
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[DaytonaServer]:
        with DaytonaServer() as server:
            yield server

    @pytest.fixture
    def make(self, server: DaytonaServer) -> Make:  # type: ignore[override]
        config = config_of(server)

        def make(sandbox_id: str | None) -> SandboxSession:
            if sandbox_id is None:
                sandbox = DaytonaSandbox.create(config=config, keep=True)
            else:
                sandbox = DaytonaSandbox.attach(sandbox_id, config=config)
            return SandboxSession(sandbox, limits=LIMITS)

        return make

    @pytest.fixture
    def destroy_environment(  # type: ignore[override]
        self, server: DaytonaServer
    ) -> Callable[[WorkspaceBackend], Awaitable[None]]:
        async def destroy(backend: WorkspaceBackend) -> None:
            assert backend.ref
            server.destroy_sandbox(backend.ref.id)

        return destroy
