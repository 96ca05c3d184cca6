"""The workspace as the backend of a Deep Agent.

`create_deep_agent` gives a model tools of its own (`read_file`, `execute`, …), whatever the
backend is. `DaytonaBackend` runs them in a session, which tools of other frameworks may share.
"""

import asyncio
import base64
import posixpath
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar, cast

from daytona_toolkit import Limits, SandboxSession
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    FileTooLargeError,
    InvalidArgumentError,
    NoMatchError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathDeniedError,
    PathNotFoundError,
    RecoverableError,
)
from daytona_toolkit.results import Entry
from daytona_toolkit.tools import valid_unicode

try:
    from deepagents.backends.protocol import (
        EditResult,
        ExecuteResponse,
        FileData,
        FileDownloadResponse,
        FileInfo,
        FileUploadResponse,
        GlobResult,
        GlobTruncationReason,
        GrepMatch,
        GrepResult,
        LsResult,
        ReadResult,
        SandboxBackendProtocol,
        WriteResult,
    )
    from deepagents.backends.utils import _get_backend_read_file_type, compile_grep_include_glob
except ImportError as error:
    raise ImportError(
        'DaytonaBackend needs Deep Agents: pip install "langchain-daytona-toolkit[deepagents]"'
    ) from error

__all__ = ["LIMITS", "DaytonaBackend"]

LIMITS = Limits(output_bytes=1024 * 1024, read_bytes=500 * 1024, line_chars=100_000, entries=10_000)
"""Limits for a session that serves Deep Agents alone.

They shorten long answers themselves, and keep the whole of each in a file. Let them have a folder
for these that can be written: `CompositeBackend(default=backend, routes={}, artifacts_root=…)`.
With their own choice, `/`, a long answer may reach the model as it is.
"""

# What Deep Agents' own backends show of a file that is no text.
_PREVIEW_BYTES = 500 * 1024

# A command without a time limit gets this one.
_A_DAY = 24 * 60 * 60

# How timeout(1) ends.
_TIMED_OUT = 124

# Deep Agents and their tests look for these words.
_WORDS: dict[type[RecoverableError], str] = {
    PathNotFoundError: "not found",
    NotAFolderError: "not_a_directory",
    NotAFileError: "not_a_file",
    PathDeniedError: "permission_denied",
    OutsideRootError: "permission_denied",
    NoMatchError: "string not found",
    AmbiguousMatchError: "multiple occurrences",
}
_CODES: dict[type[RecoverableError], str] = {
    PathNotFoundError: "file_not_found",
    NotAFolderError: "invalid_path",
    NotAFileError: "is_directory",
    PathDeniedError: "permission_denied",
    OutsideRootError: "permission_denied",
    InvalidArgumentError: "invalid_path",
}

T = TypeVar("T")


@dataclass(frozen=True)
class _Ask:
    """A call of the session, in either colour."""

    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


# Asks the session, is sent the answers, and returns what Deep Agents want.
_Steps = Generator[_Ask, Any, T]


def _ask(method: str, *arguments: Any, **options: Any) -> _Ask:
    return _Ask(method, arguments, options)


class DaytonaBackend(SandboxBackendProtocol):
    """A session as the file system and the shell of a Deep Agent.

    Each operation is one request, edits keep every byte around them, and a call that is
    cancelled ends its command. Only errors after which the workspace is of no more use are
    raised.

    Args:
        session: The workspace, open or not. Its limits shorten what is long, and name a file
            that holds all of it; with `LIMITS` that is left to Deep Agents.
        timeout: Seconds that a command may take unless the call says otherwise.

    Example:
        ```python
        with SandboxSession(DaytonaSandbox.create()) as session:
            agent = create_deep_agent(model, backend=DaytonaBackend(session))
        ```
    """

    def __init__(self, session: SandboxSession, *, timeout: int = 120) -> None:
        self._session = session
        self._timeout = timeout

    @property
    def id(self) -> str:
        """The id of the sandbox."""
        return self._session.sandbox.id

    def execute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        """Run a command; `timeout=0` sets no limit."""
        return self._run(self._execute(command, timeout))

    async def aexecute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        """`execute` for async code; when it is cancelled, the command is ended."""
        return await self._arun(self._execute(command, timeout))

    def _execute(self, command: str, timeout: int | None) -> _Steps[ExecuteResponse]:
        seconds = self._timeout if timeout is None else timeout or _A_DAY
        try:
            result = yield _ask("exec", command, timeout=seconds)
        except RecoverableError as error:
            return ExecuteResponse(output=f"Error: {error}", exit_code=1)
        output = result.stdout
        if result.stderr.strip():
            output += f"{_newline_after(output)}<stderr>{result.stderr.strip()}</stderr>"
        if result.timed_out:
            output += f"{_newline_after(output)}Error: the command was ended after {seconds} s."
        return ExecuteResponse(
            output=output,
            exit_code=_TIMED_OUT if result.timed_out else result.exit_code,
            truncated=result.truncated or result.stopped_writing,
        )

    def ls(self, path: str) -> LsResult:
        """List a folder."""
        return self._run(self._ls(path))

    async def als(self, path: str) -> LsResult:
        """`ls` for async code."""
        return await self._arun(self._ls(path))

    def _ls(self, path: str) -> _Steps[LsResult]:
        try:
            listing = yield _ask("ls", path)
        except RecoverableError as error:
            return LsResult(error=f"Path '{path}': {_worded(error)}")
        if listing.truncated:  # of which the result has no mark
            return LsResult(
                error=f"Path '{path}': there are more than {len(listing.entries):,} entries. "
                "Narrow it down with glob."
            )
        return LsResult(entries=[_file_info(entry.path, entry) for entry in listing.entries])

    def read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """Read lines of a text file, or a file that is no text in base64."""
        return self._run(self._read(file_path, offset, limit))

    async def aread(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """`read` for async code."""
        return await self._arun(self._read(file_path, offset, limit))

    def _read(self, file_path: str, offset: int, limit: int) -> _Steps[ReadResult]:
        try:
            if _get_backend_read_file_type(file_path) != "text":
                return (yield from self._preview(file_path))
            if limit <= 0:
                return ReadResult(file_data=_text(""), no_lines_requested=True)
            window = yield _ask("read", file_path, offset=max(offset, 0) + 1, limit=limit)
        except BinaryFileError:
            return (yield from self._preview(file_path))
        except RecoverableError as error:
            return ReadResult(error=f"File '{file_path}': {_worded(error)}")
        if window.image:
            return _preview_of(file_path, base64.b64decode(window.image.data))
        if not window.start_line:
            return ReadResult(file_data=_text(""))
        return ReadResult(
            file_data=_text(window.content.replace("\r\n", "\n").removesuffix("\n")),
            start_line=window.start_line,
            end_line=window.end_line,
            total_lines=window.total_lines,
            next_offset=window.end_line if window.next_offset else None,
        )

    def _preview(self, file_path: str) -> _Steps[ReadResult]:
        try:
            content = yield _ask("read_bytes", file_path)
        except FileTooLargeError:
            return _preview_of(file_path, None)
        except RecoverableError as error:
            return ReadResult(error=f"File '{file_path}': {_worded(error)}")
        return _preview_of(file_path, content)

    def write(self, file_path: str, content: str) -> WriteResult:
        """Create or replace a file, and the folders above it."""
        return self._run(self._write(file_path, content))

    async def awrite(self, file_path: str, content: str) -> WriteResult:
        """`write` for async code."""
        return await self._arun(self._write(file_path, content))

    def _write(self, file_path: str, content: str) -> _Steps[WriteResult]:
        try:
            yield _ask("write", file_path, content)
        except RecoverableError as error:
            return WriteResult(error=f"Error: {_worded(error)}")
        return WriteResult(path=file_path)

    def edit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> EditResult:
        """Replace a text that stands in one place, or wherever it stands."""
        return self._run(self._edit(file_path, old_string, new_string, replace_all))

    async def aedit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> EditResult:
        """`edit` for async code."""
        return await self._arun(self._edit(file_path, old_string, new_string, replace_all))

    def _edit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool
    ) -> _Steps[EditResult]:
        try:
            result = yield _ask("edit", file_path, old_string, new_string, replace_all=replace_all)
        except RecoverableError as error:
            return EditResult(error=f"Error: {_worded(error)}")
        return EditResult(path=file_path, occurrences=result.occurrences)

    def grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        """Find lines that hold a text; `.git` is left out."""
        return self._run(self._grep(pattern, path, glob, max_count))

    async def agrep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        """`grep` for async code."""
        return await self._arun(self._grep(pattern, path, glob, max_count))

    def _grep(
        self, pattern: str, path: str | None, glob: str | None, max_count: int | None
    ) -> _Steps[GrepResult]:
        folder = path or "."
        files = glob.lstrip("/") if glob else None
        try:
            included = compile_grep_include_glob(glob) if glob else None
            found = yield _ask("grep", pattern, folder, glob=files, fixed=True, hidden=True)
        except (RecoverableError, ValueError) as error:
            return GrepResult(error=f"Path '{folder}': {_worded(error)}")
        matches = [
            {
                "path": _absolute(match.path, path, found.path),
                "line": match.line,
                "text": match.text,
            }
            for match in found.matches
            if ".git" not in (below := _below(match.path, folder)).split("/")
            and (below == "." or included is None or included(below))
        ]
        return GrepResult(
            matches=cast("list[GrepMatch]", matches[:max_count]),
            truncated=found.truncated or (max_count is not None and len(matches) > max_count),
        )

    def glob(self, pattern: str, path: str | None = None) -> GlobResult:
        """Find files: by their name at any depth, or by their path if there is a slash."""
        return self._run(self._glob(pattern, path))

    async def aglob(self, pattern: str, path: str | None = None) -> GlobResult:
        """`glob` for async code."""
        return await self._arun(self._glob(pattern, path))

    def _glob(self, pattern: str, path: str | None) -> _Steps[GlobResult]:
        folder = path or "."
        by_name = "/" not in pattern
        wanted = f"**/{pattern}" if by_name else pattern.lstrip("/")
        try:
            included = compile_grep_include_glob(pattern)
            # Names are found in hidden folders too, which ** does not enter.
            found = yield _ask("glob", wanted, folder, hidden=by_name)
        except (RecoverableError, ValueError) as error:
            return GlobResult(error=f"Path '{folder}': {_worded(error)}")
        matches = [
            _file_info(_absolute(entry.path, path, found.path), entry)
            for entry in found.entries
            if entry.type in ("file", "symlink") and included(_below(entry.path, folder))
        ]
        reason: GlobTruncationReason | None = None
        if found.truncated:
            reason = "budget"
        elif any("read" in note for note in found.notes):
            reason = "unreadable"
        return GlobResult(matches=matches, truncated=reason is not None, truncation_reason=reason)

    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """Write files; each has its own answer."""
        return [self._run(self._upload(path, content)) for path, content in files]

    async def aupload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """`upload_files` for async code, all of them at once."""
        return list(await asyncio.gather(*(self._arun(self._upload(*file)) for file in files)))

    def _upload(self, path: str, content: bytes) -> _Steps[FileUploadResponse]:
        if not path.startswith("/"):
            return FileUploadResponse(path=path, error="invalid_path")
        try:
            yield _ask("write", path, content)
        except RecoverableError as error:
            return FileUploadResponse(path=path, error=_CODES.get(type(error), str(error)))
        return FileUploadResponse(path=path)

    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """The bytes of files; each has its own answer."""
        return [self._run(self._download(path)) for path in paths]

    async def adownload_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """`download_files` for async code, all of them at once."""
        return list(await asyncio.gather(*(self._arun(self._download(path)) for path in paths)))

    def _download(self, path: str) -> _Steps[FileDownloadResponse]:
        if not path.startswith("/"):
            return FileDownloadResponse(path=path, error="invalid_path")
        try:
            content = yield _ask("read_bytes", path)
        except RecoverableError as error:
            return FileDownloadResponse(path=path, error=_CODES.get(type(error), str(error)))
        return FileDownloadResponse(path=path, content=content)

    def _run(self, steps: _Steps[T]) -> T:
        try:
            ask = next(steps)
            while True:
                try:
                    answer = getattr(self._session, ask.method)(*ask.arguments, **ask.options)
                except RecoverableError as error:  # noqa: PERF203
                    ask = steps.throw(valid_unicode(error))
                else:
                    ask = steps.send(valid_unicode(answer))
        except StopIteration as end:
            return cast("T", end.value)

    async def _arun(self, steps: _Steps[T]) -> T:
        try:
            ask = next(steps)
            while True:
                method = getattr(self._session, f"a{ask.method}")
                try:
                    answer = await method(*ask.arguments, **ask.options)
                except RecoverableError as error:
                    ask = steps.throw(valid_unicode(error))
                else:
                    ask = steps.send(valid_unicode(answer))
        except StopIteration as end:
            return cast("T", end.value)


def _worded(error: Exception) -> str:
    word = next((word for kind, word in _WORDS.items() if isinstance(error, kind)), None)
    return f"{word}: {error}" if word else str(error)


def _newline_after(text: str) -> str:
    return "\n" if text and not text.endswith("\n") else ""


def _text(content: str) -> FileData:
    return cast("FileData", {"content": content, "encoding": "utf-8"})


def _preview_of(file_path: str, content: bytes | None) -> ReadResult:
    if content is None or len(content) > _PREVIEW_BYTES:
        return ReadResult(
            error=f"File '{file_path}': Binary file exceeds maximum preview size of "
            f"{_PREVIEW_BYTES} bytes"
        )
    data = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
    return ReadResult(file_data=cast("FileData", data))


def _file_info(path: str, entry: Entry) -> FileInfo:
    return FileInfo(
        path=path,
        is_dir=entry.type == "folder",
        size=entry.size,
        modified_at=datetime.fromtimestamp(entry.modified, timezone.utc).isoformat(),
    )


def _below(path: str, folder: str) -> str:
    """A path that was found in a folder, from there on."""
    return posixpath.relpath(path, folder)


def _absolute(path: str, given: str | None, found: str) -> str:
    """What Deep Agents' rules of what may be touched are held against."""
    if given and given.startswith("/"):
        return path
    return posixpath.normpath(posixpath.join(found, _below(path, given or ".")))
