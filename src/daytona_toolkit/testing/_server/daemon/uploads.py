"""Files that are written while they arrive.

v0.190 truncates the file in place and copies into it as the bytes come: an upload that is cut
short leaves a part, and two at once leave a mixture. Newer daemons write a file beside it and
move that into place.
"""

import itertools
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from daytona_toolkit.testing._server.daemon.refusals import Refusal, go_error

_MODE = 0o644


@dataclass
class _Upload:
    """A file that is being written; `temporary` is its name until it is complete, if it has one."""

    path: Path
    file: BinaryIO
    temporary: Path | None = None


_uploads: dict[int, _Upload] = {}
_numbers = itertools.count(1)
_numbering = threading.Lock()


def begin(arguments: dict[str, Any], data: bytes) -> tuple[int, bytes]:
    """Open a file for an upload, with its folders, and return its number."""
    path = Path(arguments["path"])
    folder = path.parent
    try:
        folder.mkdir(0o755, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise Refusal(400, f"mkdir {folder}: {go_error('mkdir', folder, error)}") from error
    try:
        if arguments["beside"]:
            number, temporary = tempfile.mkstemp(prefix=".daytona-upload-", dir=folder)
            upload = _Upload(path.resolve(), os.fdopen(number, "wb", 0), Path(temporary))
        else:
            upload = _Upload(path, path.open("wb", 0))
    except (OSError, ValueError) as error:
        raise Refusal(400, f"create: {go_error('open', path, error)}") from error
    with _numbering:
        key = next(_numbers)
        _uploads[key] = upload
    return key, b""


def append(arguments: dict[str, Any], data: bytes) -> tuple[None, bytes]:
    """Write what has arrived."""
    upload = _uploads[arguments["upload"]]
    try:
        upload.file.write(data)
    except OSError as error:
        raise Refusal(400, f"write: {go_error('write', upload.path, error)}") from error
    return None, b""


def end(arguments: dict[str, Any], data: bytes) -> tuple[int, bytes]:
    """Close the file, complete or not, and return its size."""
    upload = _uploads.pop(arguments["upload"])
    with upload.file:
        size = upload.file.tell()
    if upload.temporary:
        if not arguments["complete"]:
            with suppress(OSError):
                upload.temporary.unlink()
            return size, b""
        try:
            upload.temporary.chmod(_MODE)
            upload.temporary.replace(upload.path)
        except OSError as error:
            raise Refusal(400, f"rename: {go_error('rename', upload.path, error)}") from error
    return size, b""


CALLS = {"begin_upload": begin, "append_upload": append, "end_upload": end}
