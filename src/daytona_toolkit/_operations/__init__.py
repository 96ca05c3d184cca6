"""What a session can do in its sandbox: a folder for each operation.

A folder holds the programs, the coroutine function that sends them, its result, and the
arguments and text of its tool. What operations share lies above.
"""

from daytona_toolkit._operations import (
    checkpoint,
    edit,
    exec,
    files,
    patch,
    preview,
    read,
    search,
    transfer,
    write,
)

__all__ = [
    "checkpoint",
    "edit",
    "exec",
    "files",
    "patch",
    "preview",
    "read",
    "search",
    "transfer",
    "write",
]
