"""What a session can do in its sandbox: a folder for each operation.

A folder holds the programs, the coroutine function that sends them, its result, and the
arguments and text of its tool. What operations share lies above.
"""

from daytona_toolkit._operations import (
    checkpoint,
    download,
    edit,
    exec,
    files,
    glob,
    grep,
    ls,
    patch,
    preview,
    read,
    upload,
    write,
)

__all__ = [
    "checkpoint",
    "download",
    "edit",
    "exec",
    "files",
    "glob",
    "grep",
    "ls",
    "patch",
    "preview",
    "read",
    "upload",
    "write",
]
