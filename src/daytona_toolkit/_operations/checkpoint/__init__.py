"""checkpoint, checkpoints, restore and diff: earlier states of the files under the root."""

import base64
import hashlib
import re
from datetime import datetime, timezone

from daytona_toolkit._arguments import check_encodable
from daytona_toolkit._operations.checkpoint.result import Checkpoint, Diff
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import CheckpointError, CheckpointNotFoundError

_CHECKPOINT = Source(__name__, "checkpoint")
_CHECKPOINTS = Source(__name__, "checkpoints")
_RESTORE = Source(__name__, "restore")
_DIFF = Source(__name__, "diff")

# What is said where a program refuses, by its code; and where git fails for another reason.
_REFUSALS = {
    "git": "The sandbox has no git, which keeps checkpoints; install the package git in it.",
    "lists": "The sandbox's sort, uniq and sed do not all know -z, which checkpoints need; install "
    "the packages coreutils and sed in it.",
    "root": "The root {root!r} cannot be made or entered; look at it with exec.",
    "space": "There is no space left in the sandbox for checkpoints; remove files that are not "
    "needed, and try again.",
    "pipe": "{pipe!r} is a pipe, and git would wait for what is written to it; remove it, and try "
    "again.",
    "large": "The patch since checkpoint {id!r} has {size:,} bytes, and Limits.file_bytes is "
    "{bound:,}; raise the limit, or have a .gitignore ignore generated files.",
}
_FAILED = "git failed: {why}. Fix what it reports, and try again; a restore can be repeated."

# Seconds that the first checkpoint of a large tree may take.
_WAIT = 600.0

_ID = re.compile(r"[0-9a-f]{12}")

# A reference; a number that orders them, a time, how many files; whether ignored ones; the label.
_ROW = re.compile(
    r"^(refs/checkpoints/\w+) (\d+) (\d+) (\d+) (yes|no) ([\w+/]+=*|-)$", re.ASCII | re.MULTILINE
)


async def checkpoint(
    workspace: Workspace, label: str = "", *, include_ignored: bool = False
) -> Checkpoint:
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
    check_encodable(label, "label")
    reply = await workspace.change(
        _CHECKPOINT,
        _tells_one,
        wait=_WAIT,
        store=_store(workspace),
        label=base64.b64encode(label.encode("utf-8", "surrogateescape")).decode() or "-",
        include_ignored="yes" if include_ignored else "no",
        kept=workspace.limits.kept_checkpoints,
    )
    return _checkpoints(workspace, reply)[0]


async def checkpoints(workspace: Workspace) -> list[Checkpoint]:
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
    return _checkpoints(
        workspace, await workspace.run(_CHECKPOINTS, wait=_WAIT, store=_store(workspace))
    )


async def restore(workspace: Workspace, id: str) -> Checkpoint:
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
    reply = await workspace.change(
        _RESTORE, _tells_one, wait=_WAIT, store=_store(workspace), id=_checked(id)
    )
    return _checkpoints(workspace, reply, id)[0]


async def diff(workspace: Workspace, since: str) -> Diff:
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
    reply = await workspace.run(
        _DIFF,
        wait=_WAIT,
        store=_store(workspace),
        id=_checked(since),
        bytes=workspace.limits.file_bytes,
    )
    _check(workspace, reply, since)
    paths = reply.text("paths").split("\0")[:-1]
    return Diff(since=since, patch=reply.text("patch"), paths=tuple(paths))


def _store(workspace: Workspace) -> str:
    """The name of the store of this root in our own folder."""
    root = workspace.root.encode("utf-8", "surrogateescape")
    return f"checkpoints-{hashlib.sha256(root).hexdigest()[:16]}"


def _checked(id: str) -> str:
    if not (isinstance(id, str) and _ID.fullmatch(id)):
        raise _unknown(id)
    return id


def _unknown(id: str) -> CheckpointNotFoundError:
    return CheckpointNotFoundError(
        f"There is no checkpoint {id!r} of this root in this sandbox. checkpoints() lists those "
        "that exist; the oldest are removed when there are many, and those of a local sandbox when "
        "it is closed."
    )


def _checkpoints(workspace: Workspace, reply: Reply, id: str = "") -> list[Checkpoint]:
    """The checkpoints that a reply tells of, in the order in which they were made."""
    _check(workspace, reply, id)
    return [
        Checkpoint(
            id=ref.rpartition("/")[2],
            label=base64.b64decode(label.rstrip("-")).decode("utf-8", "surrogateescape"),
            created=datetime.fromtimestamp(int(created), timezone.utc),
            files=int(files),
            include_ignored=ignored == "yes",
        )
        for ref, _, created, files, ignored, label in _rows(reply)
    ]


def _rows(reply: Reply) -> list[tuple[str, ...]]:
    """The checkpoints that a reply tells of, each in its words, in order."""
    return sorted(_ROW.findall(reply.text("checkpoints")), key=lambda row: int(row[1]))


def _tells_one(reply: Reply) -> bool:
    return len(_rows(reply)) == 1


def _check(workspace: Workspace, reply: Reply, id: str) -> None:
    """Raise the error for what a program refused."""
    if reply.failure == "unknown":
        raise _unknown(id)
    if reply.failure:
        raise CheckpointError(
            _REFUSALS.get(reply.failure, _FAILED).format(
                root=workspace.root,
                pipe=reply.text("pipes").partition("\0")[0].removeprefix("./"),
                id=id,
                size=reply.number("size"),
                bound=workspace.limits.file_bytes,
                why=reply.text("why").strip() or reply.failure,
            )
        )
