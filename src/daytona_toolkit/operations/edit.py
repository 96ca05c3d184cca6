"""edit: replace a text by compare-and-swap, so that no writer loses another's change."""

import base64
import hashlib
import re

from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    FileChangedError,
    FileTooLargeError,
    InvalidArgumentError,
    NoMatchError,
)
from daytona_toolkit.matching import (
    Match,
    Splice,
    describe_absence,
    describe_ambiguity,
    match,
    merge,
    splice,
    unified_diff,
)
from daytona_toolkit.operations import refusal
from daytona_toolkit.operations.read import fetch
from daytona_toolkit.remote import Reply
from daytona_toolkit.results import EditResult
from daytona_toolkit.workspace import Workspace, check_encodable

# Each time a try is lost another writer has won, so only a crowd exhausts them.
_TRIES = 100

# Ranges that one request replaces; nearer ones are joined.
_SPLICES = 8

_ADVICE = "change it with exec, for example with `sed -i`,"


async def edit(
    workspace: Workspace,
    path: str,
    old_string: str,
    new_string: str,
    *,
    replace_all: bool = False,
) -> EditResult:
    """Replace a text that stands once in a file, or wherever it stands."""
    if not old_string:
        raise InvalidArgumentError(
            "old_string is empty; give the text to replace, or use write for a whole file."
        )
    if old_string == new_string:
        raise InvalidArgumentError(
            "old_string and new_string are the same, so there is nothing to change."
        )
    check_encodable(old_string, "old_string")
    check_encodable(new_string, "new_string")
    full = workspace.resolve(path)
    content = workspace.files.content(full)
    if content is None and not replace_all:
        result = await _edit_window(workspace, path, full, old_string, new_string)
        if result:
            return result
    fresh = content is None
    if content is None:
        content = await fetch(workspace, path, full, _ADVICE)
    for _ in range(_TRIES):
        found = match(content, old_string, new_string)
        if not fresh and (not found.starts or len(found.starts) > 1):
            # What we remember may be old: look again before we complain.
            content = await fetch(workspace, path, full, _ADVICE)
            fresh = True
            continue
        _check(content, found, old_string, path, replace_all=replace_all)
        splices = found.splices()
        wanted = splice(content, splices)
        reply = await _swap(workspace, full, content, splices)
        if reply.failure == "changed":
            if "content" not in reply.blobs:
                raise FileTooLargeError(
                    f"{path!r} was changed meanwhile and has now {reply.number('size'):,} bytes, "
                    f"too many to edit; {_ADVICE} instead.",
                    path,
                )
            current = reply.blobs["content"]
            workspace.files.put(full, current)
            fresh = True
            if current != wanted:
                content = current
                continue
        elif reply.failure:
            workspace.files.drop(full)
            raise refusal(reply, path, workspace)
        workspace.files.put(full, wanted)
        diff = unified_diff(content, splices, path)
        return EditResult(path=full, occurrences=len(splices), diff=diff)
    raise FileChangedError(
        f"{path!r} was changed by others each of the {_TRIES} times that this edit was tried; "
        "nothing of it was written. Try again.",
        path,
    )


def _check(content: bytes, found: Match, old: str, path: str, *, replace_all: bool) -> None:
    if b"\0" in content:
        raise BinaryFileError(
            f"{path!r} is a binary file; edit works on text. Use exec to change it.", path
        )
    if not found.starts:
        raise NoMatchError(describe_absence(content, old, path))
    if len(found.starts) > 1 and not replace_all:
        raise AmbiguousMatchError(describe_ambiguity(content, found, path))
    if found.old == found.new:
        raise InvalidArgumentError(
            f"old_string and new_string differ only in line endings, and {path!r} keeps its own; "
            "there is nothing to change."
        )


async def _edit_window(
    workspace: Workspace, path: str, full: str, old: str, new: str
) -> EditResult | None:
    """Edit a file of which only windows were seen, without fetching it.

    Returns:
        None if the windows do not show the one place, or the sandbox does not agree.
    """
    windows = workspace.files.windows(full)
    found = {first: match(lines, old, new) for first, lines in windows.items()}
    places = [(first, each) for first, each in found.items() if each.starts]
    if len(places) != 1 or len(places[0][1].starts) != 1:
        return None
    first, one = places[0]
    if one.old == one.new:
        return None
    first_line, other_line, lead = _telling_lines(one.old)
    lines, start = windows[first], one.starts[0]
    line = lines.count(b"\n", 0, start)
    column = start - (lines.rfind(b"\n", 0, start) + 1)
    digest = hashlib.sha256(one.old).hexdigest()
    reply = await _send(
        workspace,
        full,
        check=f"only {first + line} {column} {len(one.old)} {digest} {lead}",
        keys={"first": first_line, "other": other_line},
        pieces=[Splice(start, start + len(one.old), one.new)],
        steps=['keep 0 "$_at"', f'keep "$((_at + {len(one.old)}))"'],
    )
    if reply.failure:
        workspace.files.drop(full)
        if reply.failure == "unsure":
            return None
        raise refusal(reply, path, workspace)
    splices = one.splices()
    # What stands further down has moved.
    kept = {other: window for other, window in windows.items() if other < first}
    workspace.files.keep_windows(full, {**kept, first: splice(lines, splices)})
    diff = unified_diff(lines, splices, path, first)
    return EditResult(path=full, occurrences=1, diff=diff)


def _telling_lines(old: bytes) -> tuple[str, str, int]:
    """How to look for other places where a text may stand, with a tool that knows lines.

    Returns:
        A basic regular expression for the lines that may hold the text's first line; one
        for those that may hold the longest of its others, empty if those are blank; and
        the bytes of the text before the latter.
    """
    lines = old.split(b"\n")
    escaped = [re.sub(rb"[][\\.*^$]", rb"\\\g<0>", line) for line in lines]
    # Its lines end, and all but the first begin, where lines of the file do.
    ended = [line + b"$" for line in escaped[:-1]] + escaped[-1:]
    index = max(range(len(lines)), key=lambda i: i > 0 and len(lines[i].strip()))
    other = b"^" + ended[index] if index else b""
    lead = len(b"\n".join(lines[:index])) + 1
    first, second = (part.decode("utf-8", "surrogateescape") for part in (ended[0], other))
    return first, second, lead


async def _swap(workspace: Workspace, full: str, content: bytes, splices: list[Splice]) -> Reply:
    """Ask for the splices, if the file still is what we saw."""
    pieces = merge(content, splices, _SPLICES)
    borders = [0, *(border for piece in pieces for border in (piece.start, piece.end))]
    kept = [
        f"keep {start} {end - start}" if end > start else ""
        for start, end in zip(borders[::2], borders[1::2], strict=False)
    ]
    last = f"keep {borders[-1]}" if borders[-1] < len(content) else ""
    digest = hashlib.sha256(content).hexdigest()
    return await _send(
        workspace,
        full,
        check=f"same {digest} {workspace.limits.file_bytes}",
        keys={"first": None, "other": None},
        pieces=pieces,
        steps=[*kept, last],
    )


async def _send(
    workspace: Workspace,
    full: str,
    *,
    check: str,
    keys: dict[str, str | None],
    pieces: list[Splice],
    steps: list[str],
) -> Reply:
    """Send an edit.

    Args:
        workspace: Where the file is.
        full: The file.
        check: The call that makes sure of what we saw.
        keys: What it takes.
        pieces: The new bytes.
        steps: The calls that keep what is around them, one more; empty where nothing is.
    """
    upload = None
    if sum(len(piece.new) for piece in pieces) > workspace.limits.inline_bytes:
        upload = f"{workspace.state}/{workspace.new_id('upload')}"
        await workspace.sandbox.upload(upload, b"".join(piece.new for piece in pieces))
    inserts, taken = [], 0
    for piece in pieces:
        if upload:
            inserts.append(f"insert_part {taken} {len(piece.new)}")
            taken += len(piece.new)
        else:
            inserts.append(f"insert '{base64.b64encode(piece.new).decode()}'")
    woven = [step for pair in zip(steps, [*inserts, ""], strict=True) for step in pair if step]
    change = workspace.new_id("change")
    reply = await workspace.call(
        "edit",
        workspace.place(full)
        | keys
        | {
            "state": workspace.state,
            "id": change,
            "upload": upload,
            "forget": workspace.take_forgettable(),
        },
        {"check": check, "splice": " && ".join(woven or [":"])},
    )
    workspace.mark(change)
    return reply
