"""apply_patch: change several files, all of them or none."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

from daytona_toolkit._arguments import check_encodable
from daytona_toolkit._diff import unified_diff
from daytona_toolkit._fetch import fetch_all
from daytona_toolkit._matching import Splice, merge, splice
from daytona_toolkit._operations.patch.result import PatchedFile, PatchResult
from daytona_toolkit._operations.patch.v4a import FileChange, parse, splices
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._workers import in_thread
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    FileChangedError,
    InvalidArgumentError,
    NoMatchError,
    PathExistsError,
    RecoverableError,
    SandboxError,
    WriteFailedError,
)

# A try fails only because another writer has succeeded, so only many writers exhaust them.
_TRIES = 20

# Each takes some 25 ms, and no request may take a minute.
_FILES = 500

_NAMES = re.compile(r"\*\*\* (Add|Update|Delete) File:")

_APPLY = Source(__name__, "apply")


@dataclass
class _Step:
    """What the sandbox does to one path.

    Attributes:
        what: The word for it in the program.
        full: The path, absolute.
        change: The part of the patch that asks for it.
        sha256: What the file must have.
        length: Its bytes.
        pieces: The new bytes.
        result: What the file holds in the end.
    """

    what: Literal["add", "update", "delete", "source", "target"]
    full: str
    change: FileChange
    sha256: str = "-"
    length: int = 0
    pieces: list[Splice] = field(default_factory=list)
    result: bytes | None = None

    @property
    def name(self) -> str:
        """The path as the patch has it."""
        return self.change.target if self.what == "target" else self.change.path


async def apply_patch(workspace: Workspace, patch: str) -> PatchResult:
    r"""Apply a patch to several files: all of it, or nothing.

    The format is V4A, which OpenAI's models write. Every hunk must match its file exactly
    and name one place; line endings are the file's own. If somebody else changes a file
    meanwhile, the patch is tried again on what is there then.

    Args:
        patch: The patch, from `*** Begin Patch` to `*** End Patch`.

    Returns:
        What became of each file, with diffs.

    Raises:
        NoMatchError: A hunk is not in its file; the message has the file, the hunk and what
            comes closest.
        AmbiguousMatchError: A hunk fits several places; the message has the lines.
        InvalidArgumentError: It is not a patch, names a file twice, or changes nothing.
        BinaryFileError: A file is not text.
        FileTooLargeError: The files together are above `Limits.file_bytes`.
        FileChangedError: Others changed a file each time.
        PathNotFoundError: A file to update or delete does not exist.
        NotAFileError: It is a folder, a device or a pipe.
        NotAFolderError: A part of a path that should be a folder is a file.
        PathDeniedError: A file may not be changed.
        OutsideRootError: A file lies outside the root of a confined session.
        PathExistsError: Something exists where a file is to be added or moved to.
        WriteFailedError: No space is left.

    Example:
        ```python
        session.apply_patch('''*** Begin Patch
        *** Update File: app.py
        @@ def main():
        -    debug = True
        +    debug = False
        *** Delete File: notes.txt
        *** End Patch''')
        ```
    """
    check_encodable(patch, "patch")
    changes = await in_thread(parse, patch)
    paths = [(each, path) for each in changes for path in (each.path, each.target) if path]
    if len(changes) > _FILES:
        raise InvalidArgumentError(
            f"The patch names {len(changes):,} files, and the limit is {_FILES}; nothing was "
            "written. Split it."
        )
    _check_distinct(workspace, [path for _, path in paths])
    updated = [each for each in changes if each.kind == "Update"]
    # What was last seen; the sandbox compares before it changes anything.
    known = {each.path: workspace.files.get(workspace.resolve(each.path)) for each in updated}
    remembered = {path: content for path, content in known.items() if content is not None}
    fresh: dict[str, bytes] = {}
    for _ in range(_TRIES):
        unseen = [each for each in updated if each.path not in remembered | fresh]
        fresh |= await _fetch(workspace, unseen)
        try:
            steps, files = await in_thread(_plan, workspace, changes, remembered | fresh)
        except RecoverableError:
            if not remembered:
                raise
            remembered.clear()  # they may be old
            continue
        reply = await _apply(workspace, steps, _bound(workspace, updated))
        if reply.failure is None:
            return _result(workspace, steps, files, reply)
        failed = steps[reply.number("index")].name
        if reply.failure != "changed":
            raise _refusal(reply, failed, workspace)
        if "content" in reply.blobs:
            remembered.pop(failed, None)
            fresh[failed] = reply.blobs["content"]
        else:
            remembered, fresh = {}, {}
    raise FileChangedError(
        f"{failed!r} was changed by others each of the {_TRIES} times that this patch was tried; "
        "nothing was written. Try again.",
        failed,
    )


def _result(
    workspace: Workspace, steps: list[_Step], files: list[PatchedFile], reply: Reply
) -> PatchResult:
    """What was done, with the versions that the sandbox has told."""
    versions: dict[str, dict[str, str]] = {}
    for index, step in enumerate(steps):
        if step.result is None:
            workspace.files.drop(step.full)
        else:
            workspace.files.put(step.full, step.result)
        versions[step.full] = {
            name: reply.values.get(f"{name}.{index}", "") for name in ("version", "replaced")
        }
    return PatchResult(files=tuple(each.model_copy(update=versions[each.path]) for each in files))


def files_of(patch: object) -> str:
    """The files that a patch names, for a log, which must not have contents in it."""
    lines = patch.splitlines() if isinstance(patch, str) else []
    return ", ".join(line.partition(" File:")[2].strip() for line in lines if _NAMES.match(line))


def _check_distinct(workspace: Workspace, paths: list[str]) -> None:
    taken: set[str] = set()
    for path in paths:
        full = workspace.resolve(path)
        if full in taken:
            raise _named_twice(path)
        taken.add(full)


def _named_twice(path: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"The patch names {path!r} more than once; nothing was changed. Put all of its hunks under "
        "one header."
    )


async def _fetch(workspace: Workspace, changes: list[FileChange]) -> dict[str, bytes]:
    """The content of each file, in one request."""
    if not changes:
        return {}
    bound = _bound(workspace, changes)
    limit = f"the {bound:,} that each file of this patch may have"
    advice = "nothing was changed. Change it with edit or exec"
    paths = [each.path for each in changes]
    contents = await fetch_all(workspace, paths, bound, limit, advice)
    return dict(zip(paths, contents, strict=True))


def _bound(workspace: Workspace, changes: list[FileChange]) -> int:
    """Bytes of each file that comes to us."""
    return workspace.limits.file_bytes // max(1, len(changes))


def _plan(
    workspace: Workspace, changes: list[FileChange], seen: dict[str, bytes]
) -> tuple[list[_Step], list[PatchedFile]]:
    """What to do, and what will have been done."""
    steps: list[_Step] = []
    files: list[PatchedFile] = []
    for each in changes:
        full = workspace.resolve(each.path)
        if each.kind == "Add":
            new = each.content.encode("utf-8", "surrogateescape")
            steps.append(_Step("add", full, each, pieces=[Splice(0, 0, new)], result=new))
            files.append(PatchedFile(path=full, change="added"))
        elif each.kind == "Delete":
            steps.append(_Step("delete", full, each))
            files.append(PatchedFile(path=full, change="deleted"))
        else:
            content = seen[each.path]
            made = _splices(workspace, content, each)
            diff = unified_diff(content, made, each.target or each.path) if made else ""
            result = splice(content, made)
            sha256 = hashlib.sha256(content).hexdigest()
            pieces = merge(content, made)
            if not each.target:
                steps.append(_Step("update", full, each, sha256, len(content), pieces, result))
                files.append(PatchedFile(path=full, change="updated", diff=diff))
                continue
            target = workspace.resolve(each.target)
            steps.append(_Step("source", full, each, sha256))
            steps.append(_Step("target", target, each, "-", len(content), pieces, result))
            files.append(PatchedFile(path=target, change="moved", moved_from=full, diff=diff))
    return steps, files


def _splices(workspace: Workspace, content: bytes, change: FileChange) -> list[Splice]:
    """What is put where in a file."""
    try:
        return splices(content, change)
    except NoMatchError:
        if not workspace.mask.is_written_back(change.sought, content):
            raise
    raise NoMatchError(
        f"The patch has `***` where {change.path!r} holds a secret, which is never shown; nothing "
        "was changed. Leave the lines with the secret out of the hunks."
    )


async def _apply(workspace: Workspace, steps: list[_Step], bound: int) -> Reply:
    """Ask for all of it, if the files still are what we saw."""
    words: list[str] = []
    plan: list[str] = []
    data = bytearray()
    for index, step in enumerate(steps):
        words += [step.what, step.full, f"{step.sha256}.{len(step.result or b'')}"]
        position = 0
        for piece in step.pieces:
            if piece.start > position:
                plan.append(f"{index} keep {position} {piece.start - position}")
            if piece.new:
                plan.append(f"{index} insert {len(data)} {len(piece.new)}")
                data += piece.new
            position = piece.end
        if position < step.length:
            plan.append(f"{index} keep {position} rest")
    return await workspace.change(
        _APPLY, data=bytes(data), files=words, plan="\n".join(plan), bytes=bound
    )


def _refusal(reply: Reply, path: str, workspace: Workspace) -> SandboxError:
    match reply.failure:
        case "twice":
            return _named_twice(path)
        case "exists":
            return PathExistsError(
                f"{path!r} exists already, and a patch can only add or move to a new path; "
                "nothing was changed. Use '*** Update File:' to change it, or another path.",
                path,
            )
        case "halfway":
            return WriteFailedError(
                f"The sandbox stopped while it applied the patch to {path!r} and other files, so "
                "some of them may be changed. Read them before you go on.",
                path,
            )
    return refusal(reply, path, workspace)
