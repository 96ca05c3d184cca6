"""The backend: what Deep Agents ask for, each as a call of the session."""

import asyncio

from deepagents.backends.protocol import (
    DeleteResult,
    EditResult,
    ExecuteResponse,
    FileDownloadResponse,
    FileUploadResponse,
    GlobResult,
    GrepResult,
    LsResult,
    ReadResult,
    SandboxBackendProtocol,
    WriteResult,
)
from deepagents.backends.utils import _get_backend_read_file_type

from daytona_toolkit import Limits, SandboxSession
from daytona_toolkit.errors import BinaryFileError, FileTooLargeError, RecoverableError
from daytona_toolkit.tools import check_session, valid_unicode
from langchain_daytona_toolkit.deepagents import _search
from langchain_daytona_toolkit.deepagents._answers import (
    code_of,
    file_info,
    preview_of,
    text,
)
from langchain_daytona_toolkit.deepagents._twins import twins

LIMITS = Limits(output_bytes=1024 * 1024, read_bytes=500 * 1024, line_chars=100_000, entries=10_000)
"""Limits for a session that serves Deep Agents alone.

They shorten long answers themselves, and keep the whole of each in a file. Let them have a folder
for these that can be written: `CompositeBackend(default=backend, routes={}, artifacts_root=…)`.
With their own choice, `/`, a long answer may reach the model as it is.
"""

# A command without a time limit gets this one.
_A_DAY = 24 * 60 * 60

# How timeout(1) ends.
_TIMED_OUT = 124


class DaytonaBackend(SandboxBackendProtocol):
    """A session as the file system and the shell of a Deep Agent.

    Each operation is one request, edits keep every byte around them, and a call that is
    cancelled ends its command. Only errors that leave the workspace unusable are raised.

    The values of the session's `secrets` are `***` in all that comes back, bytes of files included;
    bytes with a line that was read so are not written over it.

    Args:
        session: The workspace, open or not. Its limits shorten what is long, and name a file
            that holds all of it; with `LIMITS` that is left to Deep Agents.
        timeout: Seconds that a command may take unless the call says otherwise.

    Raises:
        TypeError: It is no session.

    Example:
        ```python
        with SandboxSession(DaytonaSandbox.create()) as session:
            agent = create_deep_agent(model, backend=DaytonaBackend(session))
        ```
    """

    def __init__(self, session: SandboxSession, *, timeout: int = 120) -> None:
        check_session(session, "DaytonaBackend", pool=False)
        self._session = session
        self._timeout = timeout

    @property
    def id(self) -> str:
        """The id of the sandbox."""
        return self._session.sandbox.id

    async def _execute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        """Run a command; `timeout=0` sets no limit."""
        seconds = self._timeout if timeout is None else timeout or _A_DAY
        try:
            result = valid_unicode(await self._session.aexec(command, timeout=seconds))
        except RecoverableError as error:
            return ExecuteResponse(output=f"Error: {valid_unicode(error)}", exit_code=1)
        output = result.stdout
        if result.stderr.strip():
            output += f"{_newline_after(output)}<stderr>{result.stderr.strip()}</stderr>"
        if result.timed_out:
            output += f"{_newline_after(output)}Error: the command was ended after {seconds} s."
        elif result.incomplete:
            output = result.text()
        return ExecuteResponse(
            output=output,
            exit_code=_TIMED_OUT if result.timed_out else result.exit_code,
            truncated=result.truncated or result.stopped_writing,
        )

    execute, aexecute = twins(_execute)

    async def _ls(self, path: str) -> LsResult:
        """List a folder."""
        listing = valid_unicode(await self._session.als(path))
        if listing.truncated:  # the result has no field for that
            return LsResult(
                error=f"Path '{path}': there are more than {len(listing.entries):,} entries. "
                "Narrow it down with glob."
            )
        return LsResult(entries=[file_info(entry.path, entry) for entry in listing.entries])

    ls, als = twins(_ls, LsResult)

    async def _read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """Read lines of a text file, or a file that is no text in base64."""
        if _get_backend_read_file_type(file_path) != "text":
            return await self._preview(file_path)
        if limit <= 0:
            return ReadResult(file_data=text(""), no_lines_requested=True)
        try:
            window = await self._session.aread(file_path, offset=max(offset, 0) + 1, limit=limit)
        except BinaryFileError:
            return await self._preview(file_path)
        if window.image:
            return preview_of(file_path, window.image.content)
        if not window.start_line:
            return ReadResult(file_data=text(""))
        return ReadResult(
            file_data=text(window.content.replace("\r\n", "\n").removesuffix("\n")),
            start_line=window.start_line,
            end_line=window.end_line,
            total_lines=window.total_lines,
            next_offset=window.end_line if window.next_offset else None,
        )

    read, aread = twins(_read, ReadResult)

    async def _preview(self, file_path: str) -> ReadResult:
        try:
            return preview_of(file_path, await self._bytes(file_path))
        except FileTooLargeError:
            return preview_of(file_path, None)

    async def _write(self, file_path: str, content: str) -> WriteResult:
        """Create or replace a file, and the folders above it."""
        await self._session.awrite(file_path, content)
        return WriteResult(path=file_path)

    write, awrite = twins(_write, WriteResult, before="Error: ")

    async def _edit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> EditResult:
        """Replace a text that stands in one place, or wherever it stands."""
        result = await self._session.aedit(
            file_path, old_string, new_string, replace_all=replace_all
        )
        return EditResult(path=file_path, occurrences=result.occurrences)

    edit, aedit = twins(_edit, EditResult, before="Error: ")

    async def _delete(self, file_path: str) -> DeleteResult:
        """Remove a file, a symlink itself, or a folder with all that is in it."""
        await self._session.aremove(file_path, recursive=True)
        return DeleteResult(path=file_path)

    delete, adelete = twins(_delete, DeleteResult, before="Error: ")

    async def _grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        """Find lines that hold a text; `.git` is left out."""
        return await _search.grep(self._session, pattern, path, glob, max_count)

    grep, agrep = twins(_grep, GrepResult)

    async def _glob(self, pattern: str, path: str | None = None) -> GlobResult:
        """Find files: by their name at any depth, or by their path if there is a slash."""
        return await _search.glob(self._session, pattern, path)

    glob, aglob = twins(_glob, GlobResult)

    async def _upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """Write files, all of them at once; each has its own answer."""
        return list(await asyncio.gather(*(self._upload(*file) for file in files)))

    upload_files, aupload_files = twins(_upload_files)

    async def _upload(self, path: str, content: bytes) -> FileUploadResponse:
        if not path.startswith("/"):
            return FileUploadResponse(path=path, error="invalid_path")
        try:
            await self._session.awrite(path, self._session.mask.of_bytes(content))
        except RecoverableError as error:
            return FileUploadResponse(path=path, error=code_of(error))
        return FileUploadResponse(path=path)

    async def _download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """The bytes of files, all of them at once; each has its own answer."""
        return list(await asyncio.gather(*map(self._download, paths)))

    download_files, adownload_files = twins(_download_files)

    async def _download(self, path: str) -> FileDownloadResponse:
        if not path.startswith("/"):
            return FileDownloadResponse(path=path, error="invalid_path")
        try:
            content = await self._bytes(path)
        except RecoverableError as error:
            return FileDownloadResponse(path=path, error=code_of(error))
        return FileDownloadResponse(path=path, content=content)

    async def _bytes(self, path: str) -> bytes:
        """All bytes of a file, which Deep Agents may show to a model, without secrets."""
        return self._session.mask.in_bytes(await self._session.aread_bytes(path))


def _newline_after(text: str) -> str:
    return "\n" if text and not text.endswith("\n") else ""
