"""edit: replace a text by compare-and-swap, so that no writer loses another's change."""

import hashlib
import os
import re
from dataclasses import dataclass
from itertools import accumulate

from daytona_toolkit._arguments import AnyPath, check_encodable
from daytona_toolkit._diff import unified_diff
from daytona_toolkit._fetch import fetch
from daytona_toolkit._masking import Mask
from daytona_toolkit._matching import (
    MOST_PLACES,
    Match,
    Splice,
    describe_absence,
    describe_ambiguity,
    match,
    merge,
    splice,
)
from daytona_toolkit._operations.edit.result import EditResult
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source, text_of
from daytona_toolkit._workers import in_thread
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    FileChangedError,
    FileTooLargeError,
    InvalidArgumentError,
    NoMatchError,
)

# A try fails only because another writer has succeeded, so only many writers exhaust them.
_TRIES = 100

# Base64 characters of the lines around a match, in addition to those of the old text.
_AROUND = 50_000

# Bytes of a file in which a shell finds a text by itself faster than by starting tools.
_SMALL = 20_000

# What a shell can split a text at; not the dot, which it puts at the end, nor a blank.
_ORDINARY = re.compile(r"[!-\-/-~]")

_EDIT = Source(__name__, "edit")

_ADVICE = "change it with exec, for example with `sed -i`,"


@dataclass(frozen=True)
class _Change:
    """What an edit makes of a file.

    Attributes:
        sha256: The sum of the file before.
        splices: What is replaced.
        pieces: The same in few pieces, which one request replaces.
        result: What the file holds in the end.
    """

    sha256: str
    splices: list[Splice]
    pieces: list[Splice]
    result: bytes


async def edit(
    workspace: Workspace,
    path: AnyPath,
    old_string: str,
    new_string: str,
    *,
    replace_all: bool = False,
) -> EditResult:
    r"""Replace a text in a file; not a byte outside of it changes.

    If somebody else changes the file meanwhile, the edit is tried again on what is there
    then, so neither change is lost.

    Args:
        path: The file.
        old_string: The text to replace, exactly; line endings may be `\n` whatever the
            file uses.
        new_string: What takes its place.
        replace_all: Replace every occurrence; else there must be exactly one.

    Returns:
        How many occurrences were replaced, and a diff.

    Raises:
        NoMatchError: The text is not there; the message shows what comes closest.
        AmbiguousMatchError: It is there more than once; the message has the lines.
        BinaryFileError: The file is not text.
        FileTooLargeError: The file is above `Limits.file_bytes`.
        FileChangedError: Others changed the file each time.
        InvalidArgumentError: `old_string` is empty, or the same as `new_string`.
        PathNotFoundError: There is no such file.
        NotAFileError: It is a folder, a device or a pipe.
        PathDeniedError: It may not be changed.
        OutsideRootError: It lies outside the root of a confined session.
        WriteFailedError: No space is left.

    Example:
        ```python
        print(session.edit("app.py", "debug = True", "debug = False").diff)
        ```
    """
    check_encodable(old_string, "old_string")
    check_encodable(new_string, "new_string")
    if not old_string:
        raise InvalidArgumentError(
            "old_string is empty; give the text to replace, or use write for a whole file."
        )
    if old_string == new_string:
        raise InvalidArgumentError(
            "old_string and new_string are the same, so there is nothing to change."
        )
    full = workspace.resolve(path)
    async with workspace.turn(full):
        return await _edit(
            workspace, os.fspath(path), full, old_string, new_string, replace_all=replace_all
        )


async def _edit(
    workspace: Workspace,
    path: str,
    full: str,
    old_string: str,
    new_string: str,
    *,
    replace_all: bool,
) -> EditResult:
    """The edit, under the lock of the file."""
    content = workspace.files.get(full)
    fresh = content is None
    small = content is None or len(content) <= _SMALL
    if small and not replace_all and _sandbox_can_search(workspace, old_string):
        sought = await _replace_in_sandbox(workspace, path, full, old_string, new_string)
        if isinstance(sought, EditResult):
            return sought
        content, fresh = sought, True
    elif content is None:
        content = await fetch(workspace, path, _ADVICE)
    for _ in range(_TRIES):
        found = await in_thread(match, content, old_string, new_string)
        if not fresh and len(found.starts) != 1:
            # What we remember may be old: fetch the file before we refuse.
            content = await fetch(workspace, path, _ADVICE)
            fresh = True
            continue
        change = await in_thread(
            _change, workspace.mask, path, content, old_string, found, replace_all=replace_all
        )
        reply = await _swap(workspace, full, content, change)
        if reply.failure:
            current = _current(reply, workspace, full, path)
            fresh = True
            if current != change.result:
                content = current
                continue
        workspace.files.put(full, change.result)
        diff = await in_thread(unified_diff, content, change.splices, path)
        return EditResult(path=full, occurrences=len(change.splices), diff=diff, **_versions(reply))
    raise FileChangedError(
        f"{path!r} was changed by others each of the {_TRIES} times that this edit was tried; "
        "nothing was written. Try again.",
        path,
    )


def _current(reply: Reply, workspace: Workspace, full: str, path: str) -> bytes:
    """What the file holds, as told by a reply that nothing was changed."""
    if reply.failure != "changed":
        workspace.files.drop(full)
        raise refusal(reply, path, workspace)
    if "content" not in reply.blobs:
        raise FileTooLargeError(
            f"{path!r} has {reply.number('size'):,} bytes, more than edit can examine: "
            "old_string does not occur in it exactly once, or the file has just been changed. "
            f"Find it with grep, or {_ADVICE} instead.",
            path,
        )
    workspace.files.put(full, reply.blobs["content"])
    return reply.blobs["content"]


def _change(
    mask: Mask, path: str, content: bytes, old: str, found: Match, *, replace_all: bool
) -> _Change:
    """What the edit changes, if it may."""
    _check(mask, path, content, old, found, replace_all=replace_all)
    splices = found.splices()
    return _Change(
        hashlib.sha256(content).hexdigest(),
        splices,
        merge(content, splices),
        splice(content, splices),
    )


def _check(
    mask: Mask, path: str, content: bytes, old: str, found: Match, *, replace_all: bool
) -> None:
    """Refuse an edit that changes nothing, or might change something else than what is meant."""
    if b"\0" in content:
        raise BinaryFileError(
            f"{path!r} is a binary file; edit works on text. Use exec to change it.", path
        )
    if not found.starts:
        if mask.is_written_back(old, content):
            raise NoMatchError(
                f"old_string has `***` where {path!r} holds a secret, which is never shown. Leave "
                "the lines with the secret out of old_string and new_string."
            )
        raise NoMatchError(describe_absence(content, old, path))
    if len(found.starts) > MOST_PLACES:
        raise AmbiguousMatchError(
            f"old_string occurs more than {MOST_PLACES:,} times in {path!r}; nothing was changed. "
            "Add text around it, or change the file with exec, for example with `sed -i`."
        )
    if len(found.starts) > 1 and not replace_all:
        raise AmbiguousMatchError(describe_ambiguity(content, found, path))
    if found.old == found.new:
        raise InvalidArgumentError(
            f"old_string and new_string differ only in line endings, and {path!r} keeps its own; "
            "there is nothing to change."
        )


def _versions(reply: Reply) -> dict[str, str]:
    return {name: reply.values.get(name, "") for name in ("version", "replaced")}


def _sandbox_can_search(workspace: Workspace, old: str) -> bool:
    """Whether the sandbox can search for the text: it fits into a request."""
    return len(old) <= workspace.inline_bytes and "\0" not in old


async def _replace_in_sandbox(
    workspace: Workspace, path: str, full: str, old: str, new: str
) -> EditResult | bytes:
    """Have the sandbox find and replace the text, which must occur once.

    Returns:
        The result; or what the file holds, if the sandbox could not do it.
    """
    old_bytes, new_bytes = (text.encode("utf-8", "surrogateescape") for text in (old, new))
    lines = old_bytes.split(b"\n")
    key, index, lead = _search_key(lines)
    reply = await _send(
        workspace,
        full,
        [Splice(0, len(old_bytes), new_bytes)],
        ["keep 0 old", "keep old rest"],
        sha256="",
        length=len(old_bytes),
        old_sha256=hashlib.sha256(old_bytes).hexdigest(),
        touched=len(lines),
        index=index,
        lead=lead,
        key=key.decode("utf-8", "surrogateescape"),
        old=old if len(old_bytes) <= _SMALL else "",
        char=max(_ORDINARY.findall(old), default=""),
        small=_SMALL,
        # See match: a part of a line says nothing of line endings.
        refuse_cr="yes" if "\n" in new and not {"\n", "\r"} & set(old) else "",
        max_reply=2 * len(old_bytes) + _AROUND,
    )
    if reply.failure:
        return _current(reply, workspace, full, path)
    around = reply.blobs["around"]
    start = around.find(old_bytes)
    if start < 0:
        workspace.files.drop(full)
        raise FileChangedError(
            f"{path!r} was changed by others, in place, while it was edited, and may have parts of "
            "both changes. Read it before you go on.",
            path,
        )
    splices = [Splice(start, start + len(old_bytes), new_bytes)]
    if "whole" in reply.values:
        workspace.files.put(full, splice(around, splices))
    diff = await in_thread(unified_diff, around, splices, path, reply.number("line"))
    return EditResult(path=full, occurrences=1, diff=diff, **_versions(reply))


def _search_key(lines: list[bytes]) -> tuple[bytes, int, int]:
    """How to search for a text of these lines with a tool that works on lines.

    Returns:
        A basic regular expression for the longest of its lines; which one that is, from 0;
        and the bytes of the text before it, or before the second if it is the first.
    """
    index = max(range(len(lines)), key=lambda i: len(lines[i].strip()))
    # Its lines end, and all but the first begin, where lines of the file do.
    begin, end = b"^" if index else b"", b"$" if index < len(lines) - 1 else b""
    key = begin + re.sub(rb"[][\\.*^$]", rb"\\\g<0>", lines[index]) + end
    lead = sum(len(line) + 1 for line in lines[: max(index, 1)])
    return key, index, lead


async def _swap(workspace: Workspace, full: str, content: bytes, change: _Change) -> Reply:
    """Ask for the change, if the file still is what we saw."""
    pieces = change.pieces
    borders = [0, *(border for piece in pieces for border in (piece.start, piece.end))]
    kept = [
        f"keep {start} {end - start}" if end > start else ""
        for start, end in zip(borders[::2], borders[1::2], strict=False)
    ]
    last = f"keep {borders[-1]} rest" if borders[-1] < len(content) else ""
    return await _send(workspace, full, pieces, [*kept, last], sha256=change.sha256, length="")


async def _send(
    workspace: Workspace, full: str, pieces: list[Splice], kept: list[str], **how: Input
) -> Reply:
    """Send an edit.

    Args:
        workspace: Where the file is.
        full: The file.
        pieces: The new bytes.
        kept: The steps that keep what is around them, one more; empty where nothing is.
        how: How the program makes sure of the file: the sum of all of it, or what to look for.
    """
    new = [piece.new for piece in pieces]
    data, words = b"".join(new), list[str]()
    if len(new) == 1:
        inserts = ["insert"]
    elif len(data) <= workspace.inline_bytes and text_of(data) is not None:
        words = [part.decode("utf-8", "surrogateescape") for part in new]
        data, inserts = b"", [f"insert {number}" for number in range(1, len(new) + 1)]
    else:
        starts = accumulate(map(len, new), initial=0)
        inserts = [f"insert {start} {len(part)}" for start, part in zip(starts, new, strict=False)]
    plan = [step for pair in zip(kept, [*inserts, ""], strict=True) for step in pair if step]
    growth = sum(len(piece.new) - (piece.end - piece.start) for piece in pieces)
    return await workspace.change(
        _EDIT,
        data=data,
        wait=0.0,
        path=full,
        plan="\n".join(plan),
        new=words,
        growth=growth,
        bytes=workspace.limits.file_bytes,
        **how,
    )
