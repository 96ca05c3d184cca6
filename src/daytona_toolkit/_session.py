"""SandboxSession: every operation, for any thread and any event loop."""

import asyncio
import contextlib
import html
import logging
import time
import warnings
import weakref
from collections.abc import Mapping
from typing import Generic

from typing_extensions import Self, TypeVar

from daytona_toolkit import _operations as operations
from daytona_toolkit._arguments import AnyPath, check_variables
from daytona_toolkit._loop import Ending, Runner, closed_error
from daytona_toolkit._masking import Mask, MaskedOutput
from daytona_toolkit._operations.exec import OnOutput
from daytona_toolkit._result import Outcome, Result
from daytona_toolkit._text import count_of
from daytona_toolkit._tracing import span
from daytona_toolkit._transcript import Transcript
from daytona_toolkit._transfer.progress import OnProgress
from daytona_toolkit._twins import Operation, about, awaited, both
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, SandboxError
from daytona_toolkit.limits import Limits
from daytona_toolkit.results import (
    Checkpoint,
    Diff,
    EditResult,
    Entry,
    ExecResult,
    GrepResult,
    JobStatus,
    Listing,
    PatchResult,
    Preview,
    ReadResult,
    TransferResult,
    WriteResult,
)
from daytona_toolkit.sandboxes import Sandbox

T = TypeVar("T")
# The kind of sandbox, so that a type checker knows what `session.sandbox` has.
S_co = TypeVar("S_co", bound=Sandbox, covariant=True, default=Sandbox)

logger = logging.getLogger("daytona_toolkit")

# Seconds that an abandoned session has to give back its sandbox while Python ends.
_EXIT_CLOSE_TIMEOUT = 15.0


class SandboxSession(Generic[S_co]):
    """A live workspace: commands and files in one sandbox.

    A session may be shared between threads, event loops and frameworks. Each method has a twin
    for `async` code, with an `a` before its name: `exec` and `aexec`. The first operation opens
    the session, if nobody has.

    Args:
        sandbox: The machine; the session closes it at the end.
        root: The folder that relative paths start from, for files and commands alike; made
            if it is missing. `~` is the home of the sandbox's user. The sandbox's own work folder
            unless given.
        env: Variables for every command.
        secrets: Variables for every command, too. Every result, error and piece of output has
            `***` in place of their values and of each line of these (of six characters or more).
        confined: Whether file operations refuse what lies outside `root` once symlinks are
            resolved. Commands are not bound by it.
        limits: Bounds on what is sent, kept and shown.

    Attributes:
        sandbox: The machine.
        confined: Whether file operations stay under the root.
        limits: The bounds in force.
        transcript: What was done, the newest operations of it.
        mask: Called with a text, returns it with `***` in place of secrets; false if it knows
            none.

    Raises:
        InvalidArgumentError: `sandbox` is not a sandbox, `limits` are not `Limits`, or a variable
            is not text.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            session.write("hello.py", "print('hello')")
            print(session.exec("python3 hello.py").stdout)
        ```
    """

    def __init__(
        self,
        sandbox: S_co,
        *,
        root: AnyPath | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        confined: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if isinstance(sandbox, type) or not isinstance(sandbox, Sandbox):
            raise InvalidArgumentError(
                f"A session takes a sandbox, not {sandbox!r}; give it LocalSandbox(), "
                "LocalSandbox(folder) or DaytonaSandbox.create()."
            )
        if limits is not None and not isinstance(limits, Limits):
            raise InvalidArgumentError(f"limits is {limits!r:.200}; give Limits(...).")
        self.sandbox: S_co = sandbox
        self.confined = confined
        self.limits = limits or Limits()
        self.transcript = Transcript()
        for variables in (env, secrets):
            if variables is not None:
                check_variables(variables)
        self.mask = Mask((secrets or {}).values())
        self._workspace = Workspace(
            sandbox,
            root=root,
            env=env or {},
            secrets=secrets or {},
            confined=confined,
            limits=self.limits,
            mask=self.mask,
        )
        self._commands = 0
        self._opening = asyncio.Lock()
        self._runner = Runner()
        self._finalizer = weakref.finalize(self, _close_forgotten, self._runner, self._workspace)

    @property
    def is_open(self) -> bool:
        """Whether it was opened, by `open` or its first operation, and not closed since."""
        return bool(self._workspace.known_root)

    @property
    def root(self) -> str:
        """The folder that relative paths start from, absolute.

        Raises:
            InvalidArgumentError: The session is not open yet; `open()` it first.
            SessionClosedError: The session is closed.
        """
        if self._runner.is_closed:
            raise closed_error()
        if not self.is_open:
            raise InvalidArgumentError(
                "The session is not open, so its root is not known yet; call open() or aopen() "
                "first."
            )
        return self._workspace.known_root

    @property
    def network(self) -> bool | None:
        """Whether commands reach the network; None where the sandbox does not say."""
        return getattr(self.sandbox, "network", None)

    @both
    async def exec(
        self,
        command: str,
        *,
        cwd: AnyPath | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = 120.0,
        background: bool = False,
        yield_after: float | None = None,
        interactive: bool = False,
        shell: str | None = None,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """Run a command, under `bash` where the sandbox has it and else under `sh`.

        The command runs once, whatever happens to the connection. One that takes less than
        `Limits.window` seconds costs one request. What it starts with `&` goes on after it.
        Cancelling the call ends the command.

        A `shell` is not a process but the folder and variables that its commands pass on, so it
        outlives a stop of the sandbox. Commands of one shell may overlap: the last to end counts.
        A command that is ended by a signal, replaces itself with `exec` or sets an EXIT trap
        passes nothing on. `secrets`, variables that contain one, and `env` are never passed on.

        Args:
            command: Any script. It behaves as in a terminal, without one.
            cwd: The folder to run in; the session's root unless given.
            env: Variables, besides those of the session.
            stdin: What it can read; nothing unless given.
            timeout: Seconds after which the command is killed, with all that it started (except
                for what left its session with an empty environment, as by `env -i setsid`); the
                result has what it printed so far. None for no limit.
            background: Return at once, with the id of the job; see `job` and `kill`. It has no
                time limit.
            yield_after: Seconds after which the call returns while the command goes on: the
                result has its output so far, its `job_id` and `running=True`. `timeout` still
                bounds the command.
            interactive: Keep its standard input open for `send`. Without `yield_after` the call
                returns at once, as with `background`.
            shell: The name of a shell, such as `"main"`: the command begins in the folder and with
                the exported variables with which the last one of that name ended, and passes on
                its own.
            on_output: Called with `"stdout"` or `"stderr"` and new text while the command runs,
                where the caller waits: in its thread, and for `aexec` on its event loop, where
                it may be a coroutine function.

        Returns:
            What it printed, head and tail where it was too much, and its exit code. A command
            that fails is a result, not an error.

        Raises:
            InvalidArgumentError: A NUL in the command, an invalid name of a variable, a negative
                time.
            PathNotFoundError: There is no folder `cwd`.
            NotAFolderError: `cwd` is a file.
            PathDeniedError: `cwd` cannot be entered.
            StateLostError: The command removed our own files, and its result with them.
            WriteFailedError: No space is left to run a command.
            TerminalError: The sandbox cannot be used.

        Example:
            ```python
            session.exec("pytest -q", timeout=600, on_output=lambda stream, text: print(text))
            ```
        """
        output = MaskedOutput(self.mask, on_output) if on_output else None
        result = await operations.exec.run(
            self._workspace,
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            timeout=timeout,
            background=background,
            yield_after=yield_after,
            interactive=interactive,
            shell=shell,
            on_output=output,
        )
        if output:
            await output.flush()
        return result

    aexec = awaited(exec)

    @both
    async def read(self, path: AnyPath, *, offset: int = 1, limit: int | None = None) -> ReadResult:
        """Read lines of a text file, or a picture.

        Args:
            path: The file.
            offset: The number of the first line, from 1.
            limit: How many lines, at most; `Limits.read_lines` unless given.

        Returns:
            The lines, and where to go on; or the picture.

        Raises:
            PathNotFoundError: There is no such file.
            NotAFileError: It is a folder, a device or a pipe.
            PathDeniedError: It may not be read.
            OutsideRootError: It lies outside the root of a confined session.
            BinaryFileError: It is neither text nor a PNG, JPEG, GIF or WebP picture.
            FileTooLargeError: It is a picture above `Limits.image_bytes`.
            OffsetError: The file ends before `offset`.
            InvalidArgumentError: `offset` or `limit` is not a positive number.

        Example:
            ```python
            page = session.read("server.log", offset=1001, limit=100)
            print(page.content, page.next_offset)
            ```
        """
        return await operations.read.read(self._workspace, path, offset=offset, limit=limit)

    aread = awaited(read)

    @both
    async def write(
        self, path: AnyPath, content: str | bytes, *, if_version: str | None = None
    ) -> WriteResult:
        r"""Write a whole file, at once or not at all; missing folders above it are made.

        A file that was there keeps its mode and group, and its owner where the sandbox's user may
        give files away; another name of it (a hard link) keeps the old content. A symlink stays
        one, and the file that it leads to is written.

        Args:
            path: The file.
            content: Text, written as UTF-8, or bytes.
            if_version: Write only if the file still has this version, as `read`, `write`,
                `edit` and `ls` tell it; `""`: only if there is no file. Unless given, write
                whatever is there.

        Returns:
            Whether the file is new, and its version.

        Raises:
            InvalidArgumentError: `content` is neither text nor bytes, or `if_version` is not a
                version.
            FileChangedError: It has another version than `if_version`; nothing was written.
            NotAFileError: It is a folder, a device or a pipe.
            NotAFolderError: A part of the path that should be a folder is a file.
            PathDeniedError: It may not be written.
            OutsideRootError: It lies outside the root of a confined session.
            WriteFailedError: No space is left, or a name is too long.

        Example:
            ```python
            seen = session.read("config.toml")
            session.write("config.toml", seen.content + "debug = true\n", if_version=seen.version)
            ```
        """
        return await operations.write.write(self._workspace, path, content, if_version=if_version)

    awrite = awaited(write)

    @both
    async def edit(
        self, path: AnyPath, old_string: str, new_string: str, *, replace_all: bool = False
    ) -> EditResult:
        r"""Replace a text in a file; not a byte outside of it changes.

        If somebody else changes the file meanwhile, the edit is tried again on what is there
        then, so neither change is lost.

        Args:
            path: The file.
            old_string: The text to replace, exactly; line endings may be `\n` whatever the
                file uses.
            new_string: What takes its place.
            replace_all: Replace every occurrence; else there must be exactly one.

        Returns:
            How many occurrences were replaced, and a diff.

        Raises:
            NoMatchError: The text is not there; the message shows what comes closest.
            AmbiguousMatchError: It is there more than once; the message has the lines.
            BinaryFileError: The file is not text.
            FileTooLargeError: The file is above `Limits.file_bytes`.
            FileChangedError: Others changed the file each time.
            InvalidArgumentError: `old_string` is empty, or the same as `new_string`.
            PathNotFoundError: There is no such file.
            NotAFileError: It is a folder, a device or a pipe.
            PathDeniedError: It may not be changed.
            OutsideRootError: It lies outside the root of a confined session.
            WriteFailedError: No space is left.

        Example:
            ```python
            print(session.edit("app.py", "debug = True", "debug = False").diff)
            ```
        """
        return await operations.edit.edit(
            self._workspace, path, old_string, new_string, replace_all=replace_all
        )

    aedit = awaited(edit)

    @both
    @about(operations.patch.files_of)
    async def apply_patch(self, patch: str) -> PatchResult:
        r"""Apply a patch to several files: all of it, or nothing.

        The format is V4A, which OpenAI's models write. Every hunk must match its file exactly
        and name one place; line endings are the file's own. If somebody else changes a file
        meanwhile, the patch is tried again on what is there then.

        Args:
            patch: The patch, from `*** Begin Patch` to `*** End Patch`.

        Returns:
            What became of each file, with diffs.

        Raises:
            NoMatchError: A hunk is not in its file; the message has the file, the hunk and what
                comes closest.
            AmbiguousMatchError: A hunk fits several places; the message has the lines.
            InvalidArgumentError: It is not a patch, names a file twice, or changes nothing.
            BinaryFileError: A file is not text.
            FileTooLargeError: The files together are above `Limits.file_bytes`.
            FileChangedError: Others changed a file each time.
            PathNotFoundError: A file to update or delete does not exist.
            NotAFileError: It is a folder, a device or a pipe.
            NotAFolderError: A part of a path that should be a folder is a file.
            PathDeniedError: A file may not be changed.
            OutsideRootError: A file lies outside the root of a confined session.
            PathExistsError: Something exists where a file is to be added or moved to.
            WriteFailedError: No space is left.

        Example:
            ```python
            session.apply_patch('''*** Begin Patch
            *** Update File: app.py
            @@ def main():
            -    debug = True
            +    debug = False
            *** Delete File: notes.txt
            *** End Patch''')
            ```
        """
        return await operations.patch.apply_patch(self._workspace, patch)

    aapply_patch = awaited(apply_patch)

    @both
    async def exists(self, path: AnyPath) -> bool:
        """Whether a path leads to something.

        Args:
            path: The path; a symlink that leads nowhere leads to nothing.

        Returns:
            Whether something is there.

        Raises:
            PathDeniedError: A folder above it may not be entered.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            session.exists("pyproject.toml")
            ```
        """
        return await operations.read.exists(self._workspace, path)

    aexists = awaited(exists)

    @both
    async def stat(self, path: AnyPath) -> Entry:
        """Describe what is at a path; a symlink is not followed.

        Args:
            path: The path.

        Returns:
            Its type, size, time and version; of a symlink, also what it leads to.

        Raises:
            PathNotFoundError: Nothing is there.
            NotAFolderError: A part of the path that should be a folder is a file.
            PathDeniedError: A folder above it may not be entered.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            print(session.stat("build").type)
            ```
        """
        return await operations.files.stat(self._workspace, path)

    astat = awaited(stat)

    @both
    async def realpath(self, path: AnyPath) -> str:
        """Where a path really leads: absolute, without symlinks and `..`.

        What is missing counts as a plain name, and a loop of symlinks stays as it is.

        Args:
            path: The path.

        Returns:
            The path with all symlinks followed.

        Raises:
            OutsideRootError: It leads outside the root of a confined session.

        Example:
            ```python
            print(session.realpath("current/../data"))
            ```
        """
        return await operations.files.realpath(self._workspace, path)

    arealpath = awaited(realpath)

    @both
    async def mkdir(self, path: AnyPath) -> Entry:
        """Make a folder, and those above it that are missing.

        Args:
            path: The folder; one that exists is left as it is.

        Returns:
            What it is now.

        Raises:
            NotAFolderError: It, or a part of its path, is a file.
            PathNotFoundError: A part of the path is missing in front of `..`.
            PathDeniedError: It may not be made there.
            OutsideRootError: It lies outside the root of a confined session.
            WriteFailedError: No space is left, or a name is too long.

        Example:
            ```python
            session.mkdir("build/reports")
            ```
        """
        return await operations.files.mkdir(self._workspace, path)

    amkdir = awaited(mkdir)

    @both
    async def move(self, source: AnyPath, target: AnyPath, *, overwrite: bool = False) -> Entry:
        """Give a file, folder or symlink another path; missing folders above it are made.

        A symlink is moved, or replaced, itself. Within a file system the move happens at once or
        not at all; to another one, the target is complete before it has its name, and the source
        is removed last.

        Args:
            source: What to move.
            target: Its new path, not the folder to put it in.
            overwrite: Whether a file or symlink at `target` may be replaced, or an empty folder
                by a folder.

        Returns:
            What is at `target` now.

        Raises:
            PathExistsError: Something is at `target`, and `overwrite` is not given; or a folder
                that is not empty.
            PathNotFoundError: There is no `source`.
            NotAFileError: `target` is a folder, and `source` is not.
            NotAFolderError: `source` is a folder, and `target` is not; or a part of a path that
                should be a folder is a file.
            PathDeniedError: One of them may not be changed.
            OutsideRootError: One of them lies outside the root of a confined session.
            InvalidArgumentError: `source` is the root, holds it, or holds `target`.
            WriteFailedError: No space is left, or a name is too long.

        Example:
            ```python
            session.move("draft.md", "docs/guide.md")
            ```
        """
        return await operations.files.move(self._workspace, source, target, overwrite=overwrite)

    amove = awaited(move)

    @both
    async def remove(self, path: AnyPath, *, recursive: bool = False) -> None:
        """Remove a file, a symlink itself, or a folder.

        Args:
            path: What to remove.
            recursive: Needed for a folder, which goes with all that is in it.

        Raises:
            PathNotFoundError: Nothing is there.
            NotAFileError: It is a folder, and `recursive` is not given.
            NotAFolderError: A part of the path that should be a folder is a file.
            PathDeniedError: It, or something in it, may not be removed.
            OutsideRootError: It lies outside the root of a confined session.
            InvalidArgumentError: It is the root, or holds it.
            WriteFailedError: The system refuses for another reason, which the error says.

        Example:
            ```python
            session.remove("build", recursive=True)
            ```
        """
        await operations.files.remove(self._workspace, path, recursive=recursive)

    aremove = awaited(remove)

    @both
    async def read_bytes(self, path: AnyPath) -> bytes:
        """Read a whole file, of any kind.

        Args:
            path: The file.

        Returns:
            All its bytes.

        Raises:
            FileTooLargeError: It is above `Limits.file_bytes`; `download` has no such bound.
            PathNotFoundError: There is no such file.
            NotAFileError: It is a folder, a device or a pipe.
            PathDeniedError: It may not be read.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            Path("plot.png").write_bytes(session.read_bytes("plot.png"))
            ```
        """
        return await operations.read.read_bytes(self._workspace, path)

    aread_bytes = awaited(read_bytes)

    @both
    async def ls(self, path: AnyPath = ".", *, hidden: bool = True) -> Listing:
        """List a folder, sorted by name.

        Args:
            path: The folder.
            hidden: Whether to list names that begin with a dot.

        Returns:
            Its entries, at most `Limits.entries`.

        Raises:
            PathNotFoundError: There is no such folder.
            NotAFolderError: It is a file.
            PathDeniedError: It may not be read.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            print([entry.path for entry in session.ls("src").entries])
            ```
        """
        return await operations.ls.ls(self._workspace, path, hidden=hidden)

    als = awaited(ls)

    @both
    async def glob(self, pattern: str, path: AnyPath = ".", *, hidden: bool = False) -> Listing:
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

        Returns:
            What matches, at most `Limits.entries`.

        Raises:
            SearchPatternError: The pattern asks for what cannot be matched.
            PathNotFoundError: There is no such folder.
            NotAFolderError: It is a file.
            PathDeniedError: It may not be read.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            for entry in session.glob("src/**/*.{js,ts}").entries:
                print(entry.path, entry.size)
            ```
        """
        return await operations.glob.glob(self._workspace, pattern, path, hidden=hidden)

    aglob = awaited(glob)

    @both
    async def grep(
        self,
        pattern: str,
        path: AnyPath = ".",
        *,
        glob: str | None = None,
        fixed: bool = False,
        ignore_case: bool = False,
        context: int = 0,
        hidden: bool = False,
    ) -> GrepResult:
        r"""Find lines of text files by a regular expression, sorted by path and line.

        The syntax is that of extended regular expressions, with `\d \w \s \b` as well. The
        result is the same whatever tools the sandbox has. `.gitignore` has no effect: what is
        ignored may be what is looked for.

        Args:
            pattern: The expression, for one line.
            path: The folder, or one file.
            glob: Search only files whose names match, such as `*.py`, or whose paths do, such as
                `src/**`.
            fixed: Take the pattern as text.
            ignore_case: Let letters match in either case.
            context: Lines to return before and after each match, 0 to 100.
            hidden: Whether to search files and folders whose names begin with a dot.

        Returns:
            The lines, at most `Limits.entries`.

        Raises:
            SearchPatternError: The pattern cannot be matched; the message has another way.
            InvalidArgumentError: `context` is out of range.
            PathNotFoundError: There is no such file or folder.
            NotAFileError: It is a device, a pipe or a socket.
            PathDeniedError: It may not be read.
            OutsideRootError: It lies outside the root of a confined session.

        Example:
            ```python
            for match in session.grep(r"def \w+", glob="*.py").matches:
                print(f"{match.path}:{match.line}: {match.text}")
            ```
        """
        return await operations.grep.grep(
            self._workspace,
            pattern,
            path,
            glob=glob,
            fixed=fixed,
            ignore_case=ignore_case,
            context=context,
            hidden=hidden,
        )

    agrep = awaited(grep)

    @both
    async def upload(
        self, local: AnyPath, remote: AnyPath, *, on_progress: OnProgress | None = None
    ) -> TransferResult:
        """Copy a file or a folder of this host into the sandbox.

        What is there already with the same content is not sent again, so a transfer that
        was interrupted continues where it stopped. Each file is in place at once or not at
        all, and is executable there if it is here. Files that only the sandbox has stay;
        symlinks are skipped.

        Args:
            local: The file or folder here; `~` is your home.
            remote: The path that it gets there.
            on_progress: Called, where the caller waits, with the bytes that are there, the bytes
                in all, and the file that has just moved, or a part of it. For `aupload` it may
                be a coroutine function. Unless given there is a progress bar, on a terminal and
                with `rich` installed.

        Returns:
            How much was moved, and what was skipped.

        Raises:
            PathNotFoundError: There is no such file here.
            NotAFileError: It is a device here or there.
            NotAFolderError: A part of the path that should be a folder is a file.
            PathDeniedError: It may not be read here, or written there.
            OutsideRootError: It lies outside the root of a confined session.
            WriteFailedError: No space is left there.
            PathError: A file here could not be read for another reason.

        Example:
            ```python
            session.upload("data/", "data")
            ```
        """
        return await operations.upload.upload(
            self._workspace, local, remote, on_progress=on_progress
        )

    aupload = awaited(upload)

    @both
    async def download(
        self, remote: AnyPath, local: AnyPath, *, on_progress: OnProgress | None = None
    ) -> TransferResult:
        """Copy a file or a folder of the sandbox to this host.

        As `upload`, the other way. Nothing is written outside `local`, or outside what it leads
        to if it is a symlink: symlinks of the sandbox are skipped, none that is here is followed
        below `local`, and names such as `..` are refused. No device, pipe or socket is replaced.
        The notes of the result say what was skipped.

        Args:
            remote: The file or folder there.
            local: The path that it gets here; `~` is your home.
            on_progress: As for `upload`.

        Returns:
            How much was moved, and what was skipped.

        Raises:
            PathNotFoundError: There is no such file there.
            NotAFileError: It is a device there, or there is a device in its place here.
            PathDeniedError: It may not be read there, or written here.
            OutsideRootError: It lies outside the root of a confined session.
            WriteFailedError: It could not be written here.
            FileChangedError: The file was changed while it was read.

        Example:
            ```python
            session.download("report.pdf", "report.pdf")
            ```
        """
        return await operations.download.download(
            self._workspace, remote, local, on_progress=on_progress
        )

    adownload = awaited(download)

    @both
    async def job(self, job_id: str, *, wait: float = 0) -> JobStatus:
        """The state of a job, and its output since this session last asked.

        Once the session that started a job has seen its end, its files may go: the last
        `Limits.kept_jobs` of these stay until the session closes.

        Args:
            job_id: The job, as `exec(..., background=True)` or `jobs` tell it.
            wait: Seconds to wait for its end, at most `Limits.window`.

        Returns:
            Its state and its new output.

        Raises:
            JobNotFoundError: There is no such job, or no more.
            InvalidArgumentError: `wait` is negative or not a number.

        Example:
            ```python
            server = session.exec("python3 -m http.server", background=True)
            print(session.job(server.job_id, wait=1).stderr)
            ```
        """
        return await operations.exec.job(self._workspace, job_id, wait=wait)

    ajob = awaited(job)

    @both
    async def jobs(self) -> list[JobStatus]:
        """All jobs that the sandbox knows, oldest first, without their output.

        They may be those of another session, also of one whose program has crashed.

        Returns:
            The state of each.

        Example:
            ```python
            running = [job for job in session.jobs() if job.state == "running"]
            ```
        """
        return list((await operations.exec.jobs(self._workspace)).jobs)

    ajobs = awaited(jobs)

    @both
    async def send(
        self, job_id: str, data: str | bytes, *, eof: bool = False, wait: float = 0
    ) -> JobStatus:
        r"""Send text to the standard input of an interactive command; it arrives once.

        A command that does not read blocks nothing: what does not fit into its pipe waits,
        and the status says how much.

        Args:
            job_id: The job, as `exec(..., interactive=True)` tells it.
            data: Text or bytes, as they are: a line needs its newline.
            eof: Close the input after it.
            wait: Seconds to wait for new output, at most `Limits.window`.

        Returns:
            The state of the job, and its output since this session last asked.

        Raises:
            JobNotFoundError: There is no such job.
            JobInputError: It has ended, was not started with `interactive=True`, has closed its
                input, or leaves more than `Limits.stream_bytes` unread.
            WriteFailedError: No space is left.
            InvalidArgumentError: `data` is neither text nor bytes, or `wait` is negative.

        Example:
            ```python
            asks = session.exec("read name; echo hello $name", interactive=True)
            print(session.send(asks.job_id, "Ann\n", wait=5).stdout)  # hello Ann
            ```
        """
        return await operations.exec.send(self._workspace, job_id, data, eof=eof, wait=wait)

    asend = awaited(send)

    @both
    async def kill(self, job_id: str) -> JobStatus:
        """End a job with every process that it started, within three seconds.

        Processes that ignore SIGTERM get SIGKILL after two seconds.

        Args:
            job_id: The job.

        Returns:
            Its state then.

        Raises:
            JobNotFoundError: There is no such job.

        Example:
            ```python
            session.kill(server.job_id)
            ```
        """
        return await operations.exec.kill(self._workspace, job_id)

    akill = awaited(kill)

    @both
    async def checkpoint(self, label: str = "", *, include_ignored: bool = False) -> Checkpoint:
        """Record all files under the root, whoever made them.

        It has contents, modes, symlinks and empty folders; not owners, times, hard links, pipes
        and sockets. Files of a repository under the root are files like any other, but its
        `.git` is neither recorded nor changed by `restore`, nor is a symlink `.gitmodules`, which
        git does not take. The store is our own folder among the sandbox's temporary files: it
        outlives the session in a Daytona sandbox, and not in a local one. The newest
        `Limits.kept_checkpoints` stay. The sandbox must have git.

        Args:
            label: Any text, to recognise it by.
            include_ignored: Record files that a `.gitignore` ignores as well. Else `restore`
                leaves such files alone.

        Returns:
            The checkpoint, with its id.

        Raises:
            CheckpointError: No git, no space, or a file that may not be read.

        Example:
            ```python
            before = session.checkpoint("before the refactoring")
            ```
        """
        return await operations.checkpoint.checkpoint(
            self._workspace, label, include_ignored=include_ignored
        )

    acheckpoint = awaited(checkpoint)

    @both
    async def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints of the root in this sandbox, the oldest first.

        They may be those of another session with the same root.

        Returns:
            The checkpoints.

        Raises:
            CheckpointError: The sandbox has no git.

        Example:
            ```python
            newest = session.checkpoints()[-1]
            ```
        """
        return await operations.checkpoint.checkpoints(self._workspace)

    acheckpoints = awaited(checkpoints)

    @both
    async def restore(self, id: str) -> Checkpoint:
        """Make the files under the root what they were at a checkpoint.

        Files and folders made since then are removed; a folder goes with the `.git` in it. What
        a `.gitignore` of the checkpoint ignores was not recorded and stays as it is. A restore
        that fails or is interrupted can be repeated.

        Args:
            id: The checkpoint.

        Returns:
            The checkpoint.

        Raises:
            CheckpointNotFoundError: There is no such checkpoint.
            CheckpointError: No git, no space, or a file that may not be changed.

        Example:
            ```python
            session.restore(before.id)
            ```
        """
        return await operations.checkpoint.restore(self._workspace, id)

    arestore = awaited(restore)

    @both
    async def diff(self, since: str) -> Diff:
        """What has changed under the root since a checkpoint.

        Args:
            since: The id of the checkpoint.

        Returns:
            A patch that `git apply` takes, and the paths of the files in it.

        Raises:
            CheckpointNotFoundError: There is no such checkpoint.
            CheckpointError: No git, no space, or a patch above `Limits.file_bytes`.

        Example:
            ```python
            print(session.diff(since=before.id).patch)
            ```
        """
        return await operations.checkpoint.diff(self._workspace, since)

    adiff = awaited(diff)

    @both
    async def preview(self, port: int) -> Preview:
        """The URL at which a port of the sandbox is reached from outside.

        It does not tell whether a server listens there. In a Daytona sandbox it is a link
        through Daytona's proxy, and in a local one that shares the network it is this machine.

        Args:
            port: The port, from 1 to 65,535.

        Returns:
            The URL, and the headers that a request for it must bring.

        Raises:
            PreviewError: A local sandbox without `network=True`, a kind of sandbox that has no
                addresses, or a port that Daytona gives none.
            InvalidArgumentError: It is not a port.

        Example:
            ```python
            session.exec("python3 -m http.server 8000", background=True)
            link = session.preview(8000)
            print(link.url, link.headers)
            ```
        """
        return await operations.preview.preview(self._workspace, port)

    apreview = awaited(preview)

    @both
    async def is_alive(self) -> bool:
        """Whether the sandbox still answers; opens the session if need be.

        Returns:
            Whether it does.

        Raises:
            TerminalError: The session is closed, or cannot be opened.

        Example:
            ```python
            session.is_alive()
            ```
        """
        try:
            await operations.read.exists(self._workspace, self._workspace.root)
        except SandboxError:
            return False
        return True

    ais_alive = awaited(is_alive)

    @both
    async def open(self) -> None:
        """Make the sandbox ready; does nothing where it is.

        Raises:
            TerminalError: The sandbox cannot be used.

        Example:
            ```python
            session.open()
            print(session.root)
            ```
        """

    aopen = awaited(open)

    def close(self) -> None:
        """Stop what runs, and release all that the session owns.

        Calls under way get a `SessionClosedError`. The session cannot be used again.

        Raises:
            SandboxError: The sandbox could not be closed.

        Example:
            ```python
            session.close()
            ```
        """
        if ending := self._start_closing():
            ending.wait()

    async def aclose(self) -> None:
        """`close` for async code."""
        if ending := self._start_closing():
            await ending.wait_async()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            with contextlib.suppress(SandboxError):  # the first error counts
                self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            await self.aopen()
        except BaseException:
            with contextlib.suppress(SandboxError):
                await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._summary().items())
        return f"<SandboxSession {shown}>"

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        cells = (
            f"<tr><th style='text-align:left'>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._summary().items()
        )
        return f"<table><caption>SandboxSession</caption>{''.join(cells)}</table>"

    def _summary(self) -> dict[str, str]:
        """What the session is, as far as it is known without a request."""
        state, unknown = "open" if self.is_open else "not open yet", "not known yet"
        if self._runner.is_closed:
            state, unknown = "closed", "not known"
        return {
            "sandbox": self.sandbox.id,
            "root": self._workspace.known_root or unknown,
            "state": state,
            "running": count_of(self._commands + self._workspace.ledger.running, "job"),
        }

    def _perform(self, operation: Operation[T]) -> T:
        """Do an operation on the session's loop, and wait in this thread."""
        if self._runner.is_current():
            name = operation.name
            raise RuntimeError(
                f"use `await session.a{name}(...)`, or `await tool.arun(...)`, in code that runs "
                "on the session's loop"
            )
        return self._runner.start(lambda: self._carry_out(operation)).wait(operation.callbacks)

    async def _aperform(self, operation: Operation[T]) -> T:
        """Do an operation on the session's loop, and wait on this loop."""
        asyncio.get_running_loop()  # trio has none, and must learn it before anything runs
        call = self._runner.start(lambda: self._carry_out(operation))
        return await call.wait_async(operation.callbacks)

    async def _carry_out(self, operation: Operation[T]) -> T:
        """Do one operation: open what is not open, and write down how it went."""
        name, target = operation.name, self.mask(operation.target)
        started = time.monotonic()
        self._commands += name == "exec"
        with span(name, self.sandbox.id, target) as note:
            try:
                async with self._opening:
                    if not self._workspace.is_open:
                        await self._workspace.open()
                result = self.mask.hide(await operation.work())
                note.outcome = outcome_of(result)
            except SandboxError as error:
                note.outcome = Outcome(False, type(error).__name__)
                if (shown := self.mask.hide(error)) is not error:
                    raise shown from None
                raise
            except Exception as error:
                note.outcome = Outcome(False, type(error).__name__)
                raise
            finally:
                self._commands -= name == "exec"
                duration = time.monotonic() - started
                step = self.transcript.add(name, target, note.outcome, duration)
                what = f"{name} {step.target}".rstrip()
                where = self.sandbox.id
                logger.info("%s: %s (%.3f s, sandbox %s)", what, step.outcome, duration, where)
        return result

    def _start_closing(self) -> Ending | None:
        """Begin to close; None where there is nothing to close, or no longer."""
        self._finalizer.detach()
        return self._runner.finish(self._workspace.close)


def outcome_of(result: object) -> Outcome:
    """Whether an operation did what was asked, and how it went, in a few words."""
    match result:
        case Result():
            return result.outcome()
        case bytes():
            return Outcome(True, count_of(len(result), "byte"))
        case bool():
            return Outcome(True, "yes" if result else "no")
        case list():
            return Outcome(True, f"{len(result):,} found")
    return Outcome(True, "done")


def _close_forgotten(runner: Runner, workspace: Workspace) -> None:
    """Release what a session owned that nobody closed."""
    was_open = workspace.has_sandbox  # opening it may have failed
    ending = runner.finish(workspace.close)
    if ending is None:
        return
    if was_open:
        warnings.warn(
            f"A session over {workspace.sandbox.id} was not closed; use it in a `with` block, or "
            "call close().",
            ResourceWarning,
            stacklevel=2,
        )
    ending.wait_in_finalizer(_EXIT_CLOSE_TIMEOUT)
