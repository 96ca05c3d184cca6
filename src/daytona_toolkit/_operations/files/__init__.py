"""stat, realpath, mkdir, move and remove."""

import os

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._entry import Entry, entries_of
from daytona_toolkit._refusals import check_refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, SandboxFailedError

_STAT = Source(__name__, "stat")
_REALPATH = Source(__name__, "realpath")
_MKDIR = Source(__name__, "mkdir")
_MOVE = Source(__name__, "move")
_REMOVE = Source(__name__, "remove")


async def stat(workspace: Workspace, path: AnyPath) -> Entry:
    """Describe what is at a path; a symlink is not followed.

    Args:
        path: The path.

    Returns:
        Its type, size, time and version; of a symlink, also what it leads to.

    Raises:
        PathNotFoundError: Nothing is there.
        NotAFolderError: A part of the path that should be a folder is a file.
        PathDeniedError: A folder above it may not be entered.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        print(session.stat("build").type)
        ```
    """
    path, full = check_path(path), workspace.resolve(path)
    return _entry(workspace, path, await workspace.run(_STAT, path=full))


async def realpath(workspace: Workspace, path: AnyPath) -> str:
    """Where a path really leads: absolute, without symlinks and `..`.

    What is missing counts as a plain name, and a loop of symlinks stays as it is.

    Args:
        path: The path.

    Returns:
        The path with all symlinks followed.

    Raises:
        OutsideRootError: It leads outside the root of a confined session.

    Example:
        ```python
        print(session.realpath("current/../data"))
        ```
    """
    reply = await workspace.run(_REALPATH, path=workspace.resolve(path))
    _check(reply, os.fspath(path), workspace)
    return reply.text("real")


async def mkdir(workspace: Workspace, path: AnyPath) -> Entry:
    """Make a folder, and those above it that are missing.

    Args:
        path: The folder; one that exists is left as it is.

    Returns:
        What it is now.

    Raises:
        NotAFolderError: It, or a part of its path, is a file.
        PathNotFoundError: A part of the path is missing in front of `..`.
        PathDeniedError: It may not be made there.
        OutsideRootError: It lies outside the root of a confined session.
        WriteFailedError: No space is left, or a name is too long.

    Example:
        ```python
        session.mkdir("build/reports")
        ```
    """
    path, full = check_path(path), workspace.resolve(path)
    return _entry(workspace, path, await workspace.change(_MKDIR, path=full))


async def move(
    workspace: Workspace, source: AnyPath, target: AnyPath, *, overwrite: bool = False
) -> Entry:
    """Give a file, folder or symlink another path; missing folders above it are made.

    A symlink is moved, or replaced, itself. Within a file system the move happens at once or
    not at all; to another one, the target is complete before it has its name, and the source
    is removed last.

    Args:
        source: What to move.
        target: Its new path, not the folder to put it in.
        overwrite: Whether a file or symlink at `target` may be replaced, or an empty folder
            by a folder.

    Returns:
        What is at `target` now.

    Raises:
        PathExistsError: Something is at `target`, and `overwrite` is not given; or a folder
            that is not empty.
        PathNotFoundError: There is no `source`.
        NotAFileError: `target` is a folder, and `source` is not.
        NotAFolderError: `source` is a folder, and `target` is not; or a part of a path that
            should be a folder is a file.
        PathDeniedError: One of them may not be changed.
        OutsideRootError: One of them lies outside the root of a confined session.
        InvalidArgumentError: `source` is the root, holds it, or holds `target`.
        WriteFailedError: No space is left, or a name is too long.

    Example:
        ```python
        session.move("draft.md", "docs/guide.md")
        ```
    """
    source, target = check_path(source), check_path(target)
    full, full_target = workspace.resolve(source), workspace.resolve(target)
    reply = await workspace.change(
        _MOVE, origin=full, target=full_target, overwrite="yes" if overwrite else None
    )
    for each in (full, full_target):
        workspace.files.drop_tree(each)
    if reply.failure == "within":
        raise InvalidArgumentError(
            f"{target!r} lies in the folder {source!r}, which cannot be moved into itself; choose "
            "a target outside of it."
        )
    about = target if reply.values.get("about") == "target" else source
    return _entry(workspace, about, reply, target)


async def remove(workspace: Workspace, path: AnyPath, *, recursive: bool = False) -> None:
    """Remove a file, a symlink itself, or a folder.

    Args:
        path: What to remove.
        recursive: Needed for a folder, which goes with all that is in it.

    Raises:
        PathNotFoundError: Nothing is there.
        NotAFileError: It is a folder, and `recursive` is not given.
        NotAFolderError: A part of the path that should be a folder is a file.
        PathDeniedError: It, or something in it, may not be removed.
        OutsideRootError: It lies outside the root of a confined session.
        InvalidArgumentError: It is the root, or holds it.
        WriteFailedError: The system refuses for another reason, which the error says.

    Example:
        ```python
        session.remove("build", recursive=True)
        ```
    """
    path, full = check_path(path), workspace.resolve(path)
    reply = await workspace.change(_REMOVE, path=full, recursive="yes" if recursive else None)
    workspace.files.drop_tree(full)
    _check(reply, path, workspace)


def _entry(workspace: Workspace, path: str, reply: Reply, named: str = "") -> Entry:
    """The entry in a reply, with the path that the caller gave."""
    _check(reply, path, workspace)
    entries = entries_of(reply)
    if len(entries) != 1:
        raise SandboxFailedError(
            f"The sandbox does not say what is at {path!r}; it may have run out of processes or "
            "memory. Stop what need not run there, and look again."
        )
    return entries[0].model_copy(update={"path": named or path})


def _check(reply: Reply, path: str, workspace: Workspace) -> None:
    """Raise the error for what a program refused."""
    if reply.failure == "kept":
        raise InvalidArgumentError(
            f"{path!r} is or holds the root {workspace.root!r} or files that this session needs, "
            "so it cannot be moved or removed; name something inside it."
        )
    check_refusal(reply, path, workspace)
