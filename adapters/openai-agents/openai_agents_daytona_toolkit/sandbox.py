"""The sandbox session of the OpenAI Agents SDK, over a session of ours."""

import io
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urlsplit

from agents.sandbox import (
    ExecResult,
    ExposedPortEndpoint,
    ExposedPortUnavailableError,
    Manifest,
    User,
    WorkspaceArchiveReadError,
    WorkspaceArchiveWriteError,
    WorkspaceReadNotFoundError,
    WorkspaceWriteTypeError,
)
from agents.sandbox.session import SandboxSessionState
from agents.sandbox.session.base_sandbox_session import BaseSandboxSession
from agents.sandbox.session.pty_types import PtyExecUpdate
from agents.sandbox.snapshot import NoopSnapshot
from agents.sandbox.util.tar_utils import UnsafeTarMemberError
from agents.sandbox.workspace_paths import sandbox_path_str

from daytona_toolkit import RecoverableError, SandboxError, SandboxSession
from daytona_toolkit.errors import FileChangedError, PathNotFoundError
from daytona_toolkit.tools import check_session
from openai_agents_daytona_toolkit import _archive
from openai_agents_daytona_toolkit._commands import Commands

# Where Daytona's proxy looks for the token, for those who cannot send a header.
_TOKEN_PARAMETER = "DAYTONA_SANDBOX_AUTH_KEY"  # noqa: S105 - the name of a parameter


class DaytonaSandboxSessionState(SandboxSessionState):
    """What leads back to a session, also from another process.

    Attributes:
        sandbox_id: The id of its sandbox.
    """

    type: Literal["daytona-toolkit"] = "daytona-toolkit"
    sandbox_id: str


class DaytonaSandboxSession(BaseSandboxSession):
    """A session of ours, for a `SandboxAgent`.

    Its commands are jobs, so `exec_command` yields and `write_stdin` comes back to them. There is
    no terminal, but with `tty` a model can type; Ctrl-C ends the command, and Ctrl-D its input.
    Files are read and written in one request each, a file at once or not at all. Every port can
    be resolved; of a private Daytona sandbox the endpoint's query has the token. Secrets of the
    session are masked in all that commands print.

    At the end of a run our session stays open, for it is the caller's.

    Args:
        session: The workspace, open.
        manifest: What `start` puts into it. Its root becomes that of the session.
        state: In place of a manifest: what an earlier sandbox session has left.
        owned: Whether `shutdown` closes the session.

    Raises:
        TypeError: It is no session.
        InvalidArgumentError: The session is not open.

    Example:
        ```python
        async with SandboxSession(LocalSandbox()) as session:
            sandbox = SandboxRunConfig(session=DaytonaSandboxSession(session))
            await Runner.run(SandboxAgent("coder"), "Go on.", run_config=RunConfig(sandbox=sandbox))
        ```
    """

    state: DaytonaSandboxSessionState

    def __init__(
        self,
        session: SandboxSession,
        *,
        manifest: Manifest | None = None,
        state: DaytonaSandboxSessionState | None = None,
        owned: bool = False,
    ) -> None:
        check_session(session, "DaytonaSandboxSession", pool=False)
        self.session = session
        self.state = state or DaytonaSandboxSessionState(
            snapshot=NoopSnapshot(id=session.sandbox.id),
            manifest=(manifest or Manifest()).model_copy(update={"root": session.root}),
            sandbox_id=session.sandbox.id,
        )
        self._owned = owned
        self._commands = Commands(session)

    async def _exec_internal(
        self, *command: str | Path, timeout: float | None = None
    ) -> ExecResult:
        return await self._commands.run(command, await self._variables(), timeout)

    def supports_pty(self) -> bool:
        """Whether a model can come back to a command that runs: it can."""
        return True

    async def pty_exec_start(
        self,
        *command: str | Path,
        timeout: float | None = None,
        shell: bool | list[str] = True,
        user: str | User | None = None,
        tty: bool = False,
        yield_time_s: float | None = None,
        max_output_tokens: int | None = None,
    ) -> PtyExecUpdate:
        """Run a command, and leave it running after `yield_time_s`."""
        return await self._commands.start(
            self._prepare_exec_command(*command, shell=shell, user=user),
            await self._variables(),
            timeout=timeout,
            tty=tty,
            patience=yield_time_s,
            max_tokens=max_output_tokens,
        )

    async def pty_write_stdin(
        self,
        *,
        session_id: int,
        chars: str,
        yield_time_s: float | None = None,
        max_output_tokens: int | None = None,
    ) -> PtyExecUpdate:
        """Give a command something to read, or just look after it."""
        return await self._commands.type(
            session_id, chars, patience=yield_time_s, max_tokens=max_output_tokens
        )

    async def pty_terminate_all(self) -> None:
        """End the commands that models can come back to."""
        await self._commands.end_all()

    async def _variables(self) -> dict[str, str]:
        return await self.state.manifest.environment.resolve()

    async def read(self, path: Path, *, user: str | User | None = None) -> io.IOBase:
        """The bytes of a file, as they are: secrets are not masked in it."""
        if user is not None:
            await self._check_read_with_exec(path, user=user)
        full = await self._validate_path_access(path)
        try:
            return io.BytesIO(await self.session.aread_bytes(sandbox_path_str(full)))
        except PathNotFoundError as error:
            raise WorkspaceReadNotFoundError(path=path, cause=error) from error
        except RecoverableError as error:
            why = {"reason": str(error)}
            raise WorkspaceArchiveReadError(path=path, context=why, cause=error) from error

    async def write(self, path: Path, data: io.IOBase, *, user: str | User | None = None) -> None:
        """Write a file, at once or not at all."""
        await self._write(path, data, user)

    async def _write_new_file(
        self, path: Path, data: io.IOBase, *, user: str | User | None = None
    ) -> None:
        try:
            await self._write(path, data, user, if_version="")
        except FileChangedError as error:
            raise FileExistsError(str(error)) from error

    async def _write(
        self,
        path: Path,
        data: io.IOBase,
        user: str | User | None,
        *,
        if_version: str | None = None,
    ) -> None:
        if user is not None:
            await self._check_write_with_exec(path, user=user)
        full = await self._validate_path_access(path, for_write=True)
        content = data.read()
        if not isinstance(content, str | bytes | bytearray):
            raise WorkspaceWriteTypeError(path=path, actual_type=type(content).__name__)
        content = content if isinstance(content, str) else bytes(content)
        try:
            await self.session.awrite(sandbox_path_str(full), content, if_version=if_version)
        except FileChangedError:
            raise
        except RecoverableError as error:
            raise WorkspaceArchiveWriteError(path=path, cause=error, message=str(error)) from error

    async def running(self) -> bool:
        """Whether the sandbox answers."""
        with suppress(SandboxError):  # the session is closed
            return await self.session.ais_alive()
        return False

    async def persist_workspace(self) -> io.IOBase:
        """The workspace as a tar stream: a file of this machine that goes when it is closed."""
        try:
            return await _archive.pack(self.session, self._persist_workspace_skip_relpaths())
        except (RecoverableError, OSError) as error:
            path, why = self._workspace_root_path(), {"reason": str(error)}
            raise WorkspaceArchiveReadError(path=path, context=why, cause=error) from error

    async def hydrate_workspace(self, data: io.IOBase) -> None:
        """Put into the workspace what a tar stream holds."""
        try:
            await _archive.unpack(self.session, data)
        except (RecoverableError, OSError, tarfile.TarError, UnsafeTarMemberError) as error:
            path = self._workspace_root_path()
            raise WorkspaceArchiveWriteError(path=path, cause=error, message=str(error)) from error

    def _should_compute_snapshot_fingerprint_on_persist(self) -> bool:
        return False  # nobody compares it

    async def _can_skip_snapshot_restore_on_resume(self, *, is_running: bool) -> bool:
        """A workspace that is found again is newer than its snapshot, and others may work in it."""
        return is_running

    def _assert_exposed_port_configured(self, port: int) -> None:
        """A port needs nothing when the sandbox is made."""

    async def _resolve_exposed_port(self, port: int) -> ExposedPortEndpoint:
        try:
            preview = await self.session.apreview(port)
        except RecoverableError as error:
            raise ExposedPortUnavailableError(
                port=port,
                exposed_ports=self.state.exposed_ports,
                reason="backend_unavailable",
                context={"detail": str(error)},
                cause=error,
            ) from error
        url = urlsplit(preview.url)
        tls = url.scheme == "https"
        return ExposedPortEndpoint(
            host=url.hostname or "",
            port=url.port or (443 if tls else 80),
            tls=tls,
            query=urlencode([(_TOKEN_PARAMETER, token) for token in preview.headers.values()]),
        )

    async def _shutdown_backend(self) -> None:
        if self._owned:
            await self.session.aclose()
