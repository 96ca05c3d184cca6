"""The errors for the codes with which programs refuse an operation."""

import os

from daytona_toolkit._arguments import AnyPath
from daytona_toolkit._remote import Reply
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathDeniedError,
    PathError,
    PathExistsError,
    PathNotFoundError,
    SandboxError,
    WriteFailedError,
)

_REFUSALS: dict[str, tuple[type[PathError], str]] = {
    "missing": (
        PathNotFoundError,
        "{path!r} does not exist. Relative paths start in {root!r}; list that folder to find the "
        "right path.",
    ),
    "isdir": (NotAFileError, "{path!r} is a folder, not a file; give the path of a file in it."),
    "special": (
        NotAFileError,
        "{path!r} is a device, pipe or socket, not a regular file; use exec to work with it.",
    ),
    "notdir": (
        NotAFolderError,
        "A part of {path!r} that should be a folder is a file; correct the path.",
    ),
    "isfile": (
        NotAFolderError,
        "{path!r} is not a folder; give the path of a folder, or look at it with read.",
    ),
    "exists": (
        PathExistsError,
        "{path!r} exists already, and nothing was changed; choose another path, or pass "
        "overwrite=True to replace it.",
    ),
    "full": (
        PathExistsError,
        "{path!r} is a folder that is not empty, and nothing was changed; remove it first, or "
        "choose another path.",
    ),
    "tree": (
        NotAFileError,
        "{path!r} is a folder, and nothing was removed; pass recursive=True to remove it with "
        "all that is in it.",
    ),
    "denied": (
        PathDeniedError,
        "Permission denied for {path!r}; choose a path that the sandbox's user may use, or "
        "change its mode with exec.",
    ),
    "readonly": (
        PathDeniedError,
        "{path!r} is on a read-only file system; choose a path under {root!r}.",
    ),
    "outside": (
        OutsideRootError,
        "{path!r} leads outside {root!r}, and this session is confined to it; use a path "
        "under {root!r}.",
    ),
    "space": (
        WriteFailedError,
        "There is no space left for {path!r} in the sandbox; nothing was changed. Remove files "
        "that are not needed.",
    ),
    "mounted": (
        WriteFailedError,
        "{path!r} is mounted there, as /etc/hosts is in a container, so it cannot be replaced or "
        "removed; nothing was changed. Write into it with exec.",
    ),
    "longname": (
        WriteFailedError,
        "The name {path!r} is too long for the file system; choose a shorter one.",
    ),
}

# How a mounted bucket, as a Daytona volume is one, may answer to a rename.
_UNABLE = ("not implemented", "not supported")


def check_refusal(reply: Reply, path: AnyPath, workspace: Workspace) -> None:
    """Raise the error for what a program refused to do with a path, if it did."""
    if reply.failure:
        raise refusal(reply, os.fspath(path), workspace)


def refusal(reply: Reply, path: str, workspace: Workspace) -> SandboxError:
    """The error for a path that a program refused."""
    failure = reply.failure or ""
    if failure not in _REFUSALS:
        why = reply.text("why").strip() or failure
        message = f"{path!r} could not be used: {why}. Nothing was changed."
        if why.endswith(_UNABLE):
            message += (
                " The file system there cannot put a file in place in one step: work in another "
                "folder, and copy what is finished there with cp in exec."
            )
        return WriteFailedError(message, path)
    kind, message = _REFUSALS[failure]
    return kind(message.format(path=path, root=workspace.root), path)
