"""Results and errors of a session in Deep Agents' words."""

import base64
from datetime import datetime, timezone
from typing import cast

from deepagents.backends.protocol import FileData, FileInfo, ReadResult

from daytona_toolkit.errors import (
    AmbiguousMatchError,
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

# What Deep Agents' own backends show of a file that is no text.
_PREVIEW_BYTES = 500 * 1024

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


def worded(error: RecoverableError) -> str:
    """An error, after the words that Deep Agents have for it."""
    word = next((word for kind, word in _WORDS.items() if isinstance(error, kind)), None)
    said = str(valid_unicode(error))
    return f"{word}: {said}" if word else said


def code_of(error: RecoverableError) -> str:
    """The code of an error, where files are transferred."""
    return _CODES.get(type(error), str(valid_unicode(error)))


def text(content: str) -> FileData:
    """The content of a text file."""
    return cast("FileData", {"content": content, "encoding": "utf-8"})


def preview_of(file_path: str, content: bytes | None) -> ReadResult:
    """What is shown of a file that is no text; None stands for more bytes than were read."""
    if content is None or len(content) > _PREVIEW_BYTES:
        return ReadResult(
            error=f"File '{file_path}': Binary file exceeds maximum preview size of "
            f"{_PREVIEW_BYTES} bytes"
        )
    data = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
    return ReadResult(file_data=cast("FileData", data))


def file_info(path: str, entry: Entry) -> FileInfo:
    """What is at a path."""
    return FileInfo(
        path=path,
        is_dir=entry.type == "folder",
        size=entry.size,
        modified_at=datetime.fromtimestamp(entry.modified, timezone.utc).isoformat(),
    )
