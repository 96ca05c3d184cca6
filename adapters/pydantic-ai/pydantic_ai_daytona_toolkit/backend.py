"""A session as the environment that a run of Pydantic AI works in."""

import math
import posixpath
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

from pydantic_ai.workspaces import (
    CommandResult,
    FileEntry,
    SupportsCommands,
    SupportsFilesystem,
    SupportsRealpath,
    WorkspaceBackend,
    WorkspaceCommand,
    WorkspaceError,
    WorkspaceOutputLimitError,
    WorkspaceRef,
    WorkspaceTimeoutError,
    WorkspaceUnavailableError,
)

from daytona_toolkit import DaytonaSandbox, Limits, Sandbox, SandboxSession
from daytona_toolkit.errors import (
    InvalidArgumentError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathDeniedError,
    PathNotFoundError,
    RecoverableError,
    SandboxUnavailableError,
    TerminalError,
)
from daytona_toolkit.results import Entry
from daytona_toolkit.tools import check_session

_MIB = 1024 * 1024

LIMITS = Limits(output_bytes=10 * _MIB, file_bytes=64 * _MIB, entries=100_000)
"""Limits for a session that serves a `DaytonaBackend`.

What a command prints, a file holds or a folder lists comes back whole or not at all; this is how
much it may be.
"""

# Most particular first.
_BUILTIN: dict[type[RecoverableError], type[Exception]] = {
    PathNotFoundError: FileNotFoundError,
    NotAFileError: IsADirectoryError,
    NotAFolderError: NotADirectoryError,
    PathDeniedError: PermissionError,
    OutsideRootError: PermissionError,
    InvalidArgumentError: ValueError,
    RecoverableError: WorkspaceError,
}


class DaytonaBackend(WorkspaceBackend, SupportsCommands, SupportsFilesystem, SupportsRealpath):
    """A session as a workspace backend, for `workspace=` of an agent's run.

    Each operation is one request. Commands come back whole or raise, and one that is cancelled is
    ended. The backend never closes the session.

    The values of the session's `secrets` are `***` in all that comes back, bytes of files
    included. Bytes with a line that was read so are not written over the file, which would lose
    the secret.

    Args:
        session: The workspace, open or not; give it `LIMITS`, or larger ones.

    Raises:
        TypeError: It is no session.

    Example:
        ```python
        with SandboxSession(LocalSandbox("./work"), limits=LIMITS) as session:
            agent = Agent(model, capabilities=[Coder()])
            agent.run_sync("Mend the tests.", workspace=DaytonaBackend(session))
        ```
    """

    def __init__(self, session: SandboxSession) -> None:
        check_session(session, "DaytonaBackend", pool=False)
        self._session = session

    @property
    def ref(self) -> WorkspaceRef | None:
        """What leads back to the sandbox; None until the session is open."""
        return ref_to(self._session.sandbox) if self._session.is_open else None

    async def working_dir(self) -> str:
        """The session's root."""
        async with self._use() as session:
            if not session.is_open:
                await session.aopen()
            return session.root

    async def run(
        self,
        command: WorkspaceCommand,
        *,
        shell: bool = False,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Run a command in the session's root; see `SupportsCommands`."""
        line = _line(command, shell)
        if timeout is not None and not 0 < timeout < math.inf:
            raise ValueError(f"timeout is a number of seconds above 0, or None; not {timeout!r}.")
        async with self._use() as session:
            result = await session.aexec(line, env=env, timeout=timeout)
        said = {"stdout": result.stdout, "stderr": result.stderr}
        if result.timed_out:
            raise WorkspaceTimeoutError(f"The command was ended after {timeout:g} s.", **said)
        if result.truncated or result.stopped_writing:
            limit = session.limits.output_bytes
            raise WorkspaceOutputLimitError(
                f"The command printed more than {limit:,} bytes; let it write to a file, and read "
                "parts of that.",
                limit=limit,
                **said,
            )
        if result.disk_full:
            raise WorkspaceError(
                "The sandbox's disk is full, so output of the command was lost; remove files."
            )
        if result.exit_code is None:
            raise WorkspaceUnavailableError("The sandbox was stopped under the command.")
        return CommandResult(exit_code=result.exit_code, **said)

    async def read_bytes(self, path: str) -> bytes:
        """All bytes of a file."""
        async with self._use() as session:
            return session.mask.in_bytes(await session.aread_bytes(path))

    async def write_bytes(self, path: str, data: bytes) -> None:
        """Write a file whole, and make the folders above it.

        Raises:
            WorkspaceError: The bytes were read with `***` in place of a secret.
        """
        async with self._use() as session:
            await session.awrite(path, session.mask.of_bytes(data))

    async def stat(self, path: str) -> FileEntry:
        """What is at a path, or where a symlink there leads."""
        async with self._use() as session:
            entry = await session.astat(path)
        if entry.type == "symlink" and entry.target_type is None:
            raise FileNotFoundError(f"{path!r} is a symlink that leads nowhere.")
        return _file_entry(entry)

    async def list_dir(self, path: str) -> Sequence[FileEntry]:
        """What is in a folder."""
        async with self._use() as session:
            listing = await session.als(path)
        if listing.truncated:
            raise WorkspaceError(
                f"{path!r} has more than {len(listing.entries):,} entries; list a folder in it."
            )
        return [_file_entry(entry) for entry in listing.entries]

    async def make_dir(self, path: str) -> None:
        """Make a folder, and those above it."""
        async with self._use() as session:
            try:
                await session.amkdir(path)
            except NotAFolderError as error:
                if await session.aexists(path):
                    raise FileExistsError(str(error)) from error
                raise

    async def remove(self, path: str) -> None:
        """Remove a file, a symlink itself, or a folder with all that is in it."""
        async with self._use() as session:
            await session.aremove(path, recursive=True)

    async def exists(self, path: str) -> bool:
        """Whether a path leads to something."""
        async with self._use() as session:
            return await session.aexists(path)

    async def realpath(self, path: str) -> str:
        """Where a path really leads."""
        async with self._use() as session:
            return await session.arealpath(path)

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[SandboxSession]:
        """The session, for one operation."""
        with translated():
            yield self._session


def ref_to(sandbox: Sandbox) -> WorkspaceRef:
    """What leads back to a sandbox; other packages know one of Daytona by the same."""
    daytona = isinstance(sandbox, DaytonaSandbox)
    return WorkspaceRef(provider="daytona" if daytona else "daytona-toolkit", id=sandbox.id)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the session as those that the protocol names.

    A sandbox that gives no answer now may do so later, so this error stays what it is.
    """
    try:
        yield
    except SandboxUnavailableError:
        raise
    except TerminalError as error:
        raise WorkspaceUnavailableError(str(error)) from error
    except RecoverableError as error:
        builtin = next(to for kind, to in _BUILTIN.items() if isinstance(error, kind))
        raise builtin(str(error)) from error


def _line(command: WorkspaceCommand, shell: bool) -> str:
    """The command for a shell."""
    if isinstance(command, str):
        if not shell:
            raise TypeError("A command that is a text needs shell=True; or pass a list of words.")
        return command
    if shell:
        raise TypeError("A list of words and shell=True exclude each other; pass a text.")
    if not command:
        raise ValueError("The command is empty.")
    return f"exec {shlex.join(command)}"


def _file_entry(entry: Entry) -> FileEntry:
    return FileEntry(
        name=posixpath.basename(entry.path),
        path=entry.path,
        is_dir="folder" in (entry.type, entry.target_type),
        size=entry.size if entry.type == "file" else None,
    )
