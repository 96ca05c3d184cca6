"""stat, realpath, mkdir, move and remove."""

import os

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._entry import Entry, entries_of
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, SandboxFailedError

_STAT = Source(__name__, "stat")
_REALPATH = Source(__name__, "realpath")
_MKDIR = Source(__name__, "mkdir")
_MOVE = Source(__name__, "move")
_REMOVE = Source(__name__, "remove")


async def stat(workspace: Workspace, path: AnyPath) -> Entry:
    """Describe what is at a path."""
    path, full = check_path(path), workspace.resolve(path)
    return _entry(workspace, path, await workspace.run(_STAT, path=full))


async def realpath(workspace: Workspace, path: AnyPath) -> str:
    """The path without symlinks and `..`."""
    reply = await workspace.run(_REALPATH, path=workspace.resolve(path))
    _check(reply, os.fspath(path), workspace)
    return reply.text("real")


async def mkdir(workspace: Workspace, path: AnyPath) -> Entry:
    """Make a folder, with those above it."""
    path, full = check_path(path), workspace.resolve(path)
    return _entry(workspace, path, await workspace.change(_MKDIR, path=full))


async def move(
    workspace: Workspace, source: AnyPath, target: AnyPath, *, overwrite: bool = False
) -> Entry:
    """Move a file, folder or symlink."""
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
    """Remove a file or symlink, and a folder only with `recursive`."""
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
    if reply.failure:
        raise refusal(reply, path, workspace)
