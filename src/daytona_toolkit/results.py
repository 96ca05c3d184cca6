"""What operations return: frozen, and JSON-safe through `model_dump(mode="json")`."""

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from daytona_toolkit._text import printable

# A path may hold bytes that are not UTF-8. Here they are surrogates, as everywhere in
# Python, so that other operations take the path as it is; JSON has no place for such and
# shows them as \xNN.
SandboxPath = Annotated[str, PlainSerializer(printable, return_type=str, when_used="json")]


class Result(BaseModel):
    """Base of all results."""

    model_config = ConfigDict(frozen=True)


class ExecResult(Result):
    """What a command did.

    Attributes:
        exit_code: Its exit code; 128 + n when signal n ended it. None while it runs in
            the background, and when the sandbox was stopped under it.
        stdout: What it printed there; cut to head and tail when there was too much.
        stderr: Likewise.
        timed_out: Whether it was ended because its time was up.
        duration: Seconds it has run, measured in the sandbox.
        job_id: The job that it ran as.
        truncated: Whether either stream was cut.
        stdout_path: Where the whole stream can be read, if it was cut or still grows.
        stderr_path: Likewise.
        stopped_writing: Whether it was stopped because a stream grew over
            `Limits.stream_bytes`.
        running: Whether it goes on in the background.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    duration: float = 0.0
    job_id: str
    truncated: bool = False
    stdout_path: str | None = None
    stderr_path: str | None = None
    stopped_writing: bool = False
    running: bool = False

    @property
    def output(self) -> str:
        """Both streams: stdout, then stderr."""
        if self.stdout and self.stderr and not self.stdout.endswith("\n"):
            return f"{self.stdout}\n{self.stderr}"
        return self.stdout + self.stderr


class JobStatus(Result):
    """How a job stands.

    Attributes:
        job_id: The job.
        command: The command, its start where it is long.
        state: `running`, `exited`, or `lost` when the sandbox was stopped under it.
        exit_code: As in `ExecResult`; None unless the state is `exited`.
        timed_out: Whether it was ended because its time was up.
        duration: Seconds it has run.
        stdout: New output since this session last asked; for a job that has exited and
            was not watched, its head and tail.
        stderr: Likewise.
        stdout_size: Bytes printed so far.
        stderr_size: Likewise.
        stdout_path: The file that holds all of it, readable with `read`.
        stderr_path: Likewise.
    """

    job_id: str
    command: str
    state: Literal["running", "exited", "lost"]
    exit_code: int | None = None
    timed_out: bool = False
    duration: float = 0.0
    stdout: str = ""
    stderr: str = ""
    stdout_size: int = 0
    stderr_size: int = 0
    stdout_path: str
    stderr_path: str


class Image(Result):
    """A picture: its media type, such as `image/png`, and its bytes in base64."""

    media_type: str
    data: str

    @classmethod
    def of(cls, media_type: str, data: bytes) -> "Image":
        """Make one from its bytes."""
        return cls(media_type=media_type, data=base64.b64encode(data).decode())


class ReadResult(Result):
    """A window of a file.

    Attributes:
        path: The file, absolute.
        content: The lines of the window as they are, without line numbers; lines over
            `Limits.line_chars` are clipped. Empty for a picture.
        start_line: The first line of the window, from 1; 0 in an empty file.
        end_line: The last line of the window.
        total_lines: Lines in the file.
        next_offset: The `offset` of the next window; None at the end of the file.
        size: Bytes in the file.
        image: The picture, if the file is one.
        notes: What the reader should know: clipped lines, bytes that are not UTF-8.
    """

    path: SandboxPath
    content: str = ""
    start_line: int = 0
    end_line: int = 0
    total_lines: int = 0
    next_offset: int | None = None
    size: int
    image: Image | None = None
    notes: tuple[str, ...] = ()


class WriteResult(Result):
    """A file that was written: its path, its size in bytes, and whether it is new."""

    path: SandboxPath
    size: int
    created: bool


class EditResult(Result):
    """An edit that was made.

    Attributes:
        path: The file, absolute.
        occurrences: How many places were replaced.
        diff: A unified diff with line numbers.
    """

    path: SandboxPath
    occurrences: int
    diff: SandboxPath


class Entry(Result):
    """One name in a folder.

    Attributes:
        path: The path, as other operations take it: it begins with the folder that was
            listed or searched, as the caller gave it.
        type: `file`, `folder`, `symlink` or `other`.
        size: Bytes.
        modified: Seconds since 1970.
    """

    path: SandboxPath
    type: Literal["file", "folder", "symlink", "other"]
    size: int
    modified: float


class Listing(Result):
    """What `ls` and `glob` found, sorted by path.

    Attributes:
        path: The folder or file that was given, absolute.
        entries: At most `Limits.entries` of them.
        truncated: Whether there were more.
        notes: What could not be looked into, or where else to look.
    """

    path: SandboxPath
    entries: tuple[Entry, ...]
    truncated: bool = False
    notes: tuple[str, ...] = ()


class Match(Result):
    """A line that grep found, or one around it.

    Attributes:
        path: The file, as other operations take it: it begins with the folder that was
            searched, as the caller gave it.
        line: Its number, from 1.
        text: The line, without what ends it; clipped if it is over `Limits.line_chars`.
        context: Whether it only surrounds a match.
    """

    path: SandboxPath
    line: int
    text: str
    context: bool = False


class GrepResult(Result):
    """What `grep` found, sorted by path and line.

    Attributes:
        path: The folder or file that was searched, absolute.
        matches: At most `Limits.entries` of them.
        truncated: Whether there were more.
        notes: What was skipped: binary files, files that cannot be read.
    """

    path: SandboxPath
    matches: tuple[Match, ...]
    truncated: bool = False
    notes: tuple[str, ...] = ()


class TransferResult(Result):
    """Files that were moved between the host and the sandbox.

    Attributes:
        path: The file or folder in the sandbox, absolute.
        files: Files that were moved.
        bytes: Bytes of these.
        skipped: Files that were there already, with the same content.
        notes: What was left out, and why.
    """

    path: SandboxPath
    files: int = 0
    bytes: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()
