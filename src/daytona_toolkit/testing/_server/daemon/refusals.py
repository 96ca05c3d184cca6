"""Why the daemon refuses a call, in Go's words."""

import errno
import os
from pathlib import Path


class Refusal(Exception):  # noqa: N818  it is an answer
    """A refused call: HTTP status, message, and the newer daemons' code."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(status, message, code)


def go_error(verb: str, path: Path, error: Exception) -> str:
    """Return an error of the system as Go writes it: what was tried, on what, and why not."""
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    return f"{verb} {path}: {os.strerror(number or 0).lower()}"


def refusal(verb: str, path: Path, error: Exception) -> Refusal:
    """Return the daemon's answer to a file call that the system refused."""
    message = go_error(verb, path, error)
    if isinstance(error, FileNotFoundError):
        return Refusal(404, message, "FILE_NOT_FOUND")
    if isinstance(error, PermissionError):
        return Refusal(403, message, "FILE_ACCESS_DENIED")
    return Refusal(400, message, "INVALID_FILE_PATH")
