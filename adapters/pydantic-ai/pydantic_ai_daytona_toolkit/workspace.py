"""A workspace for each conversation, which its messages lead back to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.agent import AgentRunResult
from pydantic_ai.capabilities import AbstractCapability, WrapRunHandler
from pydantic_ai.exceptions import UserError
from pydantic_ai.workspaces import WorkspaceBackend, WorkspaceRef, WorkspaceUnavailableError

from daytona_toolkit import DaytonaSandbox, SandboxSession
from pydantic_ai_daytona_toolkit.backend import LIMITS, DaytonaBackend, ref_to, translated


def open_daytona(sandbox_id: str | None) -> SandboxSession:
    """A session over the Daytona sandbox of an id, or over a new one, which is left at the end."""
    if sandbox_id is None:
        sandbox = DaytonaSandbox.create(keep=True)
    else:
        sandbox = DaytonaSandbox.attach(sandbox_id)
    return SandboxSession(sandbox, limits=LIMITS)


@dataclass
class DaytonaWorkspace(AbstractCapability[Any]):
    """Gives the runs of an agent a workspace, for tools that use `ctx.workspace`.

    Without a session, each conversation has a Daytona sandbox of its own: the first operation
    makes it, later runs find it by their messages, and no run deletes it. Daytona stops it when
    it is idle, and deletes it when it has been stopped for a week.

    Args:
        session: The workspace of all runs; or a function that makes a session, given the id of
            the sandbox to continue in, or None for a new one, which closing must not delete.

    Raises:
        TypeError: `session` is neither a session nor a function.

    Example:
        ```python
        agent = Agent(model, capabilities=[DaytonaWorkspace(), Coder()])
        ```
    """

    session: SandboxSession | Callable[[str | None], SandboxSession] = open_daytona

    def __post_init__(self) -> None:
        if not isinstance(self.session, SandboxSession) and not callable(self.session):
            raise TypeError(
                "DaytonaWorkspace takes a SandboxSession, or a function that makes one, and this "
                f"is a {type(self.session).__name__}."
            )

    def get_workspace(
        self, ctx: RunContext[Any], *, ref: WorkspaceRef | None
    ) -> WorkspaceBackend | None:
        """The workspace of a run; None for a `ref` that leads elsewhere."""
        if isinstance(self.session, SandboxSession):
            backend = DaytonaBackend(self.session)
            if ref in (None, backend.ref):
                return backend
            could_be = backend.ref is None and ref.provider == ref_to(self.session.sandbox).provider
            return _Expected(self.session, ref) if could_be else None
        if ref is not None and ref.provider not in ("daytona", "daytona-toolkit"):
            return None
        return _OfRun(self.session, ref, ctx.run_id)

    async def wrap_run(
        self, ctx: RunContext[Any], *, handler: WrapRunHandler
    ) -> AgentRunResult[Any]:
        """Close what a run opened when it ends; not what it was handed by another run."""
        backend = ctx.workspace.backend
        if isinstance(backend, _OfRun) and backend.run_id == ctx.run_id:
            async with backend.kept_open():
                return await handler()
        return await handler()


class _Expected(DaytonaBackend):
    """A session that was not open yet when a conversation was to go on in its sandbox.

    Whether it is that sandbox shows when it opens.
    """

    def __init__(self, session: SandboxSession, ref: WorkspaceRef) -> None:
        super().__init__(session)
        self._ref = ref

    @property
    def ref(self) -> WorkspaceRef:
        """What the messages of the conversation lead to."""
        return self._ref

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[SandboxSession]:
        async with super()._use() as session:
            if not session.is_open:
                await session.aopen()
            if ref_to(session.sandbox) != self._ref:
                raise WorkspaceUnavailableError(
                    f"The conversation goes on in {self._ref.id!r}, and this session is over "
                    f"{session.sandbox.id!r}. Attach to the former, or pass workspace='new'."
                )
            yield session


class _OfRun(DaytonaBackend):
    """Opens a session when it is first needed, and another when it is needed again.

    The workspace of a run may be used after it, when nobody closes it any more; then each
    operation has a session of its own.
    """

    def __init__(
        self,
        make: Callable[[str | None], SandboxSession],
        ref: WorkspaceRef | None,
        run_id: str | None,
    ) -> None:
        self.run_id = run_id
        self._make = make
        self._ref = ref
        self._opened: SandboxSession | None = None
        self._unnamed = ""
        self._users = 0

    @property
    def ref(self) -> WorkspaceRef | None:
        """What leads back to the sandbox; None until there is one.

        A sandbox that was made is known by its id, also when what had to follow was cancelled.
        """
        if self._ref is None and self._opened is not None:
            sandbox = self._opened.sandbox
            is_known = self._opened.is_open or sandbox.id != self._unnamed
            return ref_to(sandbox) if is_known else None
        return self._ref

    @asynccontextmanager
    async def kept_open(self) -> AsyncIterator[None]:
        """While anybody is in this block, the session stays open."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users and self._opened is not None:
                self._ref = self.ref
                session, self._opened = self._opened, None
                await session.aclose()

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[SandboxSession]:
        async with self.kept_open():
            with translated():
                if self._opened is None:
                    self._opened = self._make(self._ref.id if self._ref else None)
                    self._unnamed = self._opened.sandbox.id
                    _check_it_is_kept(self._opened)
                yield self._opened


def _check_it_is_kept(session: SandboxSession) -> None:
    if isinstance(session.sandbox, DaytonaSandbox) and session.sandbox.owned:
        raise UserError(
            "No run may delete its workspace, and this sandbox would be deleted at the end of the "
            "first. Make it with DaytonaSandbox.create(keep=True)."
        )
