"""The session: what tools hold. One implementation, for any thread and any event loop."""

import asyncio
import html
import logging
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from daytona_toolkit._loop import Deliveries, Runner
from daytona_toolkit._masking import Mask
from daytona_toolkit._operations import edit, exec, read, search, transfer, write
from daytona_toolkit._operations.exec import OnOutput, Watch
from daytona_toolkit._progress import OnProgress, progress_of
from daytona_toolkit._text import count_of
from daytona_toolkit._tracing import span
from daytona_toolkit._transcript import Transcript, outcome_of
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import SandboxError, SessionClosedError
from daytona_toolkit.limits import Limits
from daytona_toolkit.results import (
    EditResult,
    ExecResult,
    GrepResult,
    JobStatus,
    Listing,
    ReadResult,
    TransferResult,
    WriteResult,
)
from daytona_toolkit.sandboxes import Sandbox

T = TypeVar("T")
Operation = Callable[[Workspace], Coroutine[Any, Any, T]]

logger = logging.getLogger("daytona_toolkit")

# Seconds that an abandoned session has to give back its sandbox while Python ends.
_LAST_WORDS = 15.0


class SandboxSession:
    """A live workspace: commands and files in one sandbox.

    A session may be shared between threads, event loops and frameworks: its operations run
    on one background event loop, whoever calls them. Each method has a twin for `async`
    code, with an `a` before its name. The first operation opens the session, if nobody has.

    Args:
        sandbox: The machine; the session closes it at the end.
        root: The folder that relative paths start from, for files and commands alike; made
            if it is missing. The sandbox's own work folder unless given.
        env: Variables for every command. Their values are taken for secrets: whatever is
            shown to a model has `***` in their place (of those of six characters or more).
        confined: Whether file operations refuse what lies outside `root` once symlinks are
            resolved. Commands are not bound by it.
        limits: Bounds on what is sent, kept and shown.

    Attributes:
        sandbox: The machine.
        limits: The bounds in force.
        transcript: What was done, the newest operations of it.
        mask: Called with a text, returns it with `***` for the secrets of `env`.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            session.write("hello.py", "print('hello')")
            print(session.exec("python3 hello.py").stdout)
        ```
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        root: str | None = None,
        env: Mapping[str, str] | None = None,
        confined: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.limits = limits or Limits()
        self.transcript = Transcript()
        self.mask = Mask((env or {}).values())
        self._workspace = Workspace(
            sandbox, root=root, env=env or {}, confined=confined, limits=self.limits
        )
        self._watches: dict[str, Watch] = {}
        self._commands = 0
        self._jobs: set[str] = set()
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._opening: asyncio.Lock
        self._finalizer: weakref.finalize[Any, Any]
        self._closed = False
        self._process = os.getpid()

    @property
    def root(self) -> str:
        """The folder that relative paths start from, absolute; opens the session if need be."""
        if not self._workspace.is_open:
            self.open()
        return self._workspace.root

    def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = 120.0,
        background: bool = False,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """Run a command, under `bash` where the sandbox has it and else under `sh`.

        The command runs once, whatever happens to the connection. One that runs for less
        than `Limits.window` costs one request. What it starts with `&` goes on after it.

        Args:
            command: Any script; it behaves as in a terminal, without one.
            cwd: The folder to run in; the session's root unless given.
            env: Variables, besides those of the session.
            stdin: What it can read; nothing unless given.
            timeout: Seconds after which it is ended, with all that it started; the result
                has what it printed so far. None for no limit.
            background: Return at once, with the id of the job; see `job` and `kill`. It has
                no time limit.
            on_output: Called with `"stdout"` or `"stderr"` and new text while the command
                runs, in the caller's own thread (and for `aexec` on the caller's event
                loop, where it may be a coroutine function).

        Returns:
            What it printed, head and tail where it was too much, and its exit code. A
            command that fails is a result, not an error.

        Raises:
            InvalidArgumentError: A NUL in the command, a variable without a proper name.
            PathNotFoundError: There is no folder `cwd`. (Or NotAFolderError,
                PathDeniedError.)
            TerminalError: The sandbox cannot be used.

        Example:
            ```python
            session.exec("pytest -q", timeout=600, on_output=lambda stream, text: print(text))
            ```
        """
        deliveries = Deliveries(on_output)
        operation = _command(command, cwd, env, stdin, timeout, background, deliveries)
        return self._wait("exec", command, operation, deliveries)

    async def aexec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = 120.0,
        background: bool = False,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """`exec` for async code. Cancelling it ends the command."""
        deliveries = Deliveries(on_output)
        operation = _command(command, cwd, env, stdin, timeout, background, deliveries)
        return await self._await("exec", command, operation, deliveries)

    def read(self, path: str, *, offset: int = 1, limit: int | None = None) -> ReadResult:
        """Read lines of a text file, or a picture.

        Args:
            path: The file.
            offset: The first line wanted, from 1.
            limit: Lines wanted at the most; `Limits.read_lines` unless given.

        Raises:
            PathNotFoundError, NotAFileError, PathDeniedError, OutsideRootError: The path.
            BinaryFileError: It is neither text nor a PNG, JPEG, GIF or WebP picture.
            FileTooLargeError: It is a picture above `Limits.image_bytes`.
            OffsetError: The file ends before `offset`.
            InvalidArgumentError: A negative `offset` or `limit`.
        """
        return self._wait("read", path, lambda w: read.read(w, path, offset=offset, limit=limit))

    async def aread(self, path: str, *, offset: int = 1, limit: int | None = None) -> ReadResult:
        """`read` for async code."""
        return await self._await(
            "read", path, lambda w: read.read(w, path, offset=offset, limit=limit)
        )

    def write(self, path: str, content: str | bytes) -> WriteResult:
        """Write a whole file, at once or not at all; folders above it are made.

        A file that was there keeps its mode and owner; a symlink stays one, and the file
        that it leads to is written.

        Args:
            path: The file.
            content: Text, written as UTF-8, or bytes.

        Raises:
            NotAFileError, NotAFolderError, PathDeniedError, OutsideRootError: The path.
            WriteFailedError: No space left, or a name that is too long.
        """
        return self._wait("write", path, lambda w: write.write(w, path, content))

    async def awrite(self, path: str, content: str | bytes) -> WriteResult:
        """`write` for async code."""
        return await self._await("write", path, lambda w: write.write(w, path, content))

    def edit(
        self, path: str, old_string: str, new_string: str, *, replace_all: bool = False
    ) -> EditResult:
        r"""Replace a text in a file; not a byte outside of it changes.

        If another writer changes the file meanwhile, the edit is tried again on what is
        there then, so neither is lost.

        Args:
            path: The file.
            old_string: The text to replace, exactly; line endings may be `\n` whatever the
                file uses.
            new_string: What takes its place.
            replace_all: Replace it wherever it stands; else it must stand in one place.

        Raises:
            NoMatchError: It is not there; the message shows what comes closest.
            AmbiguousMatchError: It stands in several places; the message has their lines.
            BinaryFileError: The file is not text.
            FileTooLargeError: The file is above `Limits.file_bytes`.
            FileChangedError: Other writers never let go of it.
            InvalidArgumentError: `old_string` is empty, or the same as `new_string`.
            PathNotFoundError, NotAFileError, PathDeniedError, OutsideRootError: The path.
            WriteFailedError: No space left.
        """
        return self._wait(
            "edit",
            path,
            lambda w: edit.edit(w, path, old_string, new_string, replace_all=replace_all),
        )

    async def aedit(
        self, path: str, old_string: str, new_string: str, *, replace_all: bool = False
    ) -> EditResult:
        """`edit` for async code."""
        return await self._await(
            "edit",
            path,
            lambda w: edit.edit(w, path, old_string, new_string, replace_all=replace_all),
        )

    def exists(self, path: str) -> bool:
        """Whether a path leads to something.

        Raises:
            PathDeniedError, OutsideRootError: It cannot be looked at.
        """
        return self._wait("exists", path, lambda w: read.exists(w, path))

    async def aexists(self, path: str) -> bool:
        """`exists` for async code."""
        return await self._await("exists", path, lambda w: read.exists(w, path))

    def read_bytes(self, path: str) -> bytes:
        """Read a whole file, of any kind.

        Raises:
            FileTooLargeError: It is above `Limits.file_bytes`; `download` has no such bound.
            PathNotFoundError, NotAFileError, PathDeniedError, OutsideRootError: The path.
        """
        return self._wait("read_bytes", path, lambda w: read.read_bytes(w, path))

    async def aread_bytes(self, path: str) -> bytes:
        """`read_bytes` for async code."""
        return await self._await("read_bytes", path, lambda w: read.read_bytes(w, path))

    def ls(self, path: str = ".", *, hidden: bool = True) -> Listing:
        """List a folder, sorted by name; of a file, the file itself.

        Args:
            path: The folder.
            hidden: Whether to list names that begin with a dot.

        Raises:
            PathNotFoundError, NotAFolderError, PathDeniedError, OutsideRootError: The path.
        """
        return self._wait("ls", path, lambda w: search.ls(w, path, hidden=hidden))

    async def als(self, path: str = ".", *, hidden: bool = True) -> Listing:
        """`ls` for async code."""
        return await self._await("ls", path, lambda w: search.ls(w, path, hidden=hidden))

    def glob(self, pattern: str, path: str = ".", *, hidden: bool = False) -> Listing:
        """Find files, folders and symlinks by a pattern, sorted by path.

        In a pattern `*` and `?` stand for characters of one name, `[a-z]` for one of these,
        `**` as a part of its own for any number of folders, `{a,b}` for either; a backslash
        takes the meaning from them. A pattern that ends with a slash finds folders only.
        Symlinks to folders are found, but not looked into unless the pattern begins with
        them.

        Args:
            pattern: The pattern; an absolute one makes `path` meaningless.
            path: The folder that it starts from.
            hidden: Whether wildcards find names that begin with a dot, and look into such
                folders. A pattern that spells the dot out always does.

        Raises:
            SearchPatternError: The pattern asks for what cannot be matched.
            PathNotFoundError, NotAFolderError, PathDeniedError, OutsideRootError: The path.

        Example:
            ```python
            for entry in session.glob("src/**/*.{js,ts}").entries:
                print(entry.path, entry.size)
            ```
        """
        return self._wait("glob", pattern, lambda w: search.glob(w, pattern, path, hidden=hidden))

    async def aglob(self, pattern: str, path: str = ".", *, hidden: bool = False) -> Listing:
        """`glob` for async code."""
        return await self._await(
            "glob", pattern, lambda w: search.glob(w, pattern, path, hidden=hidden)
        )

    def grep(
        self,
        pattern: str,
        path: str = ".",
        *,
        glob: str | None = None,
        fixed: bool = False,
        ignore_case: bool = False,
        context: int = 0,
        hidden: bool = False,
    ) -> GrepResult:
        r"""Find lines of text files by a regular expression, sorted by path and line.

        Expressions are extended ones, with `\d \w \s \b` besides; the guide to searching
        has the whole dialect. The result is the same whatever tools the sandbox has. Ignore
        files such as `.gitignore` are not heeded: what is ignored may be what is looked for.

        Args:
            pattern: The expression, for one line.
            path: The folder, or one file.
            glob: Which files of the folder: by name at any depth, as `*.{js,ts}`, or by path,
                as `src/**/*.py`.
            fixed: Whether the pattern is the text itself.
            ignore_case: Whether letters match in either case.
            context: Lines wanted before and behind each match.
            hidden: Whether to search files, and folders, whose names begin with a dot.

        Raises:
            SearchPatternError: The expression or the glob does not parse.
            PathNotFoundError, NotAFolderError, PathDeniedError, OutsideRootError: The path.
            InvalidArgumentError: A negative `context`, or a very large one.
        """
        return self._wait(
            "grep",
            pattern,
            lambda w: search.grep(
                w,
                pattern,
                path,
                glob=glob,
                fixed=fixed,
                ignore_case=ignore_case,
                context=context,
                hidden=hidden,
            ),
        )

    async def agrep(
        self,
        pattern: str,
        path: str = ".",
        *,
        glob: str | None = None,
        fixed: bool = False,
        ignore_case: bool = False,
        context: int = 0,
        hidden: bool = False,
    ) -> GrepResult:
        """`grep` for async code."""
        return await self._await(
            "grep",
            pattern,
            lambda w: search.grep(
                w,
                pattern,
                path,
                glob=glob,
                fixed=fixed,
                ignore_case=ignore_case,
                context=context,
                hidden=hidden,
            ),
        )

    def upload(
        self,
        local: str | os.PathLike[str],
        remote: str,
        *,
        on_progress: OnProgress | None = None,
    ) -> TransferResult:
        """Bring a file or a folder of this host into the sandbox.

        What is there already with the same content is not sent again, so a transfer that
        was interrupted goes on where it stopped. Each file is in place at once or not at
        all, and is a program there if it is one here. Files that only the sandbox has stay;
        symlinks are left out.

        Args:
            local: The file or folder here.
            remote: The path that it gets there.
            on_progress: Called in the caller's own thread with the bytes that are there, the
                bytes in all, and the file that has just moved, or a part of it. Without it
                there is a progress bar, on a terminal and with `rich` installed.

        Raises:
            PathNotFoundError, PathDeniedError, NotAFileError: The path here.
            NotAFileError, NotAFolderError, PathDeniedError, OutsideRootError: One there.
            WriteFailedError: No space left there.
        """
        with progress_of(f"upload {remote}", on_progress) as callback:
            deliveries = Deliveries(callback)
            put = deliveries.put if deliveries else None
            return self._wait(
                "upload",
                remote,
                lambda w: transfer.upload(w, local, remote, on_progress=put),
                deliveries,
            )

    async def aupload(
        self,
        local: str | os.PathLike[str],
        remote: str,
        *,
        on_progress: OnProgress | None = None,
    ) -> TransferResult:
        """`upload` for async code; the callback may be a coroutine function."""
        with progress_of(f"upload {remote}", on_progress) as callback:
            deliveries = Deliveries(callback)
            put = deliveries.put if deliveries else None
            return await self._await(
                "upload",
                remote,
                lambda w: transfer.upload(w, local, remote, on_progress=put),
                deliveries,
            )

    def download(
        self,
        remote: str,
        local: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> TransferResult:
        """Bring a file or a folder of the sandbox to this host.

        As `upload`, the other way. Nothing is written outside `local`: symlinks of the
        sandbox are left out, none that is here is followed below `local`, and names that
        mean more than a name are refused. The notes of the result say what was left out.

        Args:
            remote: The file or folder there.
            local: The path that it gets here.
            on_progress: As for `upload`.

        Raises:
            PathNotFoundError, NotAFileError, PathDeniedError, OutsideRootError: The path there.
            NotAFileError, PathDeniedError, WriteFailedError: The path here.
            FileChangedError: The file was changed while it was read.
        """
        with progress_of(f"download {remote}", on_progress) as callback:
            deliveries = Deliveries(callback)
            put = deliveries.put if deliveries else None
            return self._wait(
                "download",
                remote,
                lambda w: transfer.download(w, remote, local, on_progress=put),
                deliveries,
            )

    async def adownload(
        self,
        remote: str,
        local: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> TransferResult:
        """`download` for async code; the callback may be a coroutine function."""
        with progress_of(f"download {remote}", on_progress) as callback:
            deliveries = Deliveries(callback)
            put = deliveries.put if deliveries else None
            return await self._await(
                "download",
                remote,
                lambda w: transfer.download(w, remote, local, on_progress=put),
                deliveries,
            )

    def job(self, job_id: str, *, wait: float = 0) -> JobStatus:
        """How a job stands, with its output since this session last asked.

        Args:
            job_id: The job, as `exec(..., background=True)` or `jobs` tell it.
            wait: Seconds to wait for its end, `Limits.window` at the most.

        Raises:
            JobNotFoundError: There is no such job.
        """
        watch = self._watch(job_id)
        return self._wait("job", job_id, lambda w: exec.job(w, job_id, watch, wait=wait))

    async def ajob(self, job_id: str, *, wait: float = 0) -> JobStatus:
        """`job` for async code."""
        watch = self._watch(job_id)
        return await self._await("job", job_id, lambda w: exec.job(w, job_id, watch, wait=wait))

    def jobs(self) -> list[JobStatus]:
        """All jobs that the sandbox knows, oldest first, without their output.

        They may be those of another session, also of one whose program has crashed.
        """
        return self._wait("jobs", "", exec.jobs)

    async def ajobs(self) -> list[JobStatus]:
        """`jobs` for async code."""
        return await self._await("jobs", "", exec.jobs)

    def kill(self, job_id: str) -> JobStatus:
        """End a job and whatever it started, in two seconds at the most.

        Raises:
            JobNotFoundError: There is no such job.
        """
        watch = self._watch(job_id)
        return self._wait("kill", job_id, lambda w: exec.kill(w, job_id, watch))

    async def akill(self, job_id: str) -> JobStatus:
        """`kill` for async code."""
        watch = self._watch(job_id)
        return await self._await("kill", job_id, lambda w: exec.kill(w, job_id, watch))

    def is_alive(self) -> bool:
        """Whether the sandbox still answers; opens the session if need be."""
        return self._wait("is_alive", "", _is_alive)

    async def ais_alive(self) -> bool:
        """`is_alive` for async code."""
        return await self._await("is_alive", "", _is_alive)

    def open(self) -> None:
        """Make the sandbox ready; does nothing where it is."""
        self._wait("open", self.sandbox.id, _nothing)

    async def aopen(self) -> None:
        """`open` for async code."""
        await self._await("open", self.sandbox.id, _nothing)

    def close(self) -> None:
        """End what runs, and give back all that the session owns. It cannot be used again."""
        if runner := self._end():
            runner.finish(self._workspace.close).wait()

    async def aclose(self) -> None:
        """`close` for async code."""
        if runner := self._end():
            await runner.finish(self._workspace.close).wait_async()

    def __enter__(self) -> "SandboxSession":
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> "SandboxSession":
        try:
            await self.aopen()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._shape().items())
        return f"<SandboxSession {shown}>"

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        cells = (
            f"<tr><th style='text-align:left'>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._shape().items()
        )
        return f"<table><caption>SandboxSession</caption>{''.join(cells)}</table>"

    def _shape(self) -> dict[str, str]:
        """What the session is, as far as it is known without a request."""
        state = "closed" if self._closed else "open" if self._workspace.is_open else "not open yet"
        return {
            "sandbox": self.sandbox.id,
            "root": self._workspace.root or "not known yet",
            "state": state,
            "running": count_of(self._commands + len(self._jobs), "job"),
        }

    def _watch(self, job_id: str) -> Watch:
        return self._watches.setdefault(job_id, Watch())

    def _wait(
        self,
        name: str,
        target: str,
        operation: Operation[T],
        deliveries: Deliveries | None = None,
    ) -> T:
        runner = self._running()
        if runner.is_current():
            raise RuntimeError(f"use `await session.a{name}(...)` in code that runs on its loop")
        return runner.run(lambda: self._perform(name, target, operation), deliveries)

    async def _await(
        self,
        name: str,
        target: str,
        operation: Operation[T],
        deliveries: Deliveries | None = None,
    ) -> T:
        runner = self._running()
        return await runner.run_async(lambda: self._perform(name, target, operation), deliveries)

    async def _perform(self, name: str, target: str, operation: Operation[T]) -> T:
        """Do one operation: open what is not open, and write down how it went."""
        started = time.monotonic()
        target = self.mask(target)
        self._commands += name == "exec"
        with span(name, self.sandbox.id, target) as note:
            try:
                async with self._opening:
                    if not self._workspace.is_open:
                        await self._workspace.open()
                result = await operation(self._workspace)
                note.ok, note.outcome = outcome_of(result)
                self._count(result)
            except SandboxError as error:
                note.outcome = type(error).__name__
                raise
            finally:
                self._commands -= name == "exec"
                duration = time.monotonic() - started
                step = self.transcript.add(
                    name, target, note.outcome, ok=note.ok, duration=duration
                )
                logger.info("%s %s: %s (%.3f s)", name, step.target, note.outcome, duration)
        return result

    def _count(self, result: object) -> None:
        """Keep count of the jobs that this session knows to run."""
        match result:
            case ExecResult(running=True) | JobStatus(state="running"):
                self._jobs.add(result.job_id)
            case JobStatus():
                self._jobs.discard(result.job_id)

    def _running(self) -> Runner:
        """The loop, started now if it was not."""
        if os.getpid() != self._process:
            raise SessionClosedError(
                f"This session belongs to process {self._process}; a forked child has no part "
                "in its connections. Make a new session in the child."
            )
        with self._lock:
            if self._closed:
                raise SessionClosedError("The session is closed; make a new one.")
            if self._runner is None:
                self._runner = Runner()
                self._opening = asyncio.Lock()
                self._finalizer = weakref.finalize(
                    self, _abandon, self._runner, self._workspace, self._process
                )
            return self._runner

    def _end(self) -> Runner | None:
        """Take the loop away, so that no operation can start any more."""
        if os.getpid() != self._process:
            return None
        with self._lock:
            self._closed = True
            runner, self._runner = self._runner, None
        if runner:
            self._finalizer.detach()
        return runner


def _command(
    command: str,
    cwd: str | None,
    env: Mapping[str, str] | None,
    stdin: str | bytes | None,
    timeout: float | None,
    background: bool,
    deliveries: Deliveries,
) -> Operation[ExecResult]:
    return lambda workspace: exec.run(
        workspace,
        command,
        cwd=cwd,
        env=env,
        stdin=stdin,
        timeout=timeout,
        background=background,
        on_output=deliveries.put if deliveries else None,
    )


async def _nothing(workspace: Workspace) -> None:
    """Opening is all that is wanted."""


async def _is_alive(workspace: Workspace) -> bool:
    try:
        await workspace.call("exists", workspace.place("/"))
    except SandboxError:
        return False
    return True


def _abandon(runner: Runner, workspace: Workspace, process: int) -> None:
    """Give back what a session owned that nobody closed."""
    if os.getpid() != process:
        return
    warnings.warn(
        f"A session over {workspace.sandbox.id} was not closed; use it in a `with` block, or "
        "call close().",
        ResourceWarning,
        stacklevel=2,
    )
    ending = runner.finish(workspace.close)
    if runner.may_wait():
        ending.wait_quietly(_LAST_WORDS)
