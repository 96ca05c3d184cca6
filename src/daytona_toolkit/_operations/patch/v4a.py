"""Parses and places patches in the format V4A of OpenAI's models. No I/O."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from daytona_toolkit._matching import Splice, describe_absence, list_lines
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    InvalidArgumentError,
    NoMatchError,
)

_BEGIN, _END, _END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_MOVE = "*** Move to:"
_HEADER = re.compile(r"\*\*\* (Add|Update|Delete) File:(.*)")
_NOTHING = "nothing was changed."


@dataclass(frozen=True)
class Hunk:
    """One place of a file, and what becomes of it.

    Attributes:
        number: Which hunk of its file it is, from 1.
        anchors: The lines after `@@`, which the place comes after.
        lines: Its lines, each a sign (space, `-`, `+`) and a text.
        at_end: Whether the place is the end of the file.
    """

    number: int
    anchors: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    at_end: bool

    @property
    def old(self) -> list[str]:
        """The lines that must be in the file."""
        return [text for sign, text in self.lines if sign != "+"]


@dataclass(frozen=True)
class FileChange:
    """What a patch does to one file.

    Attributes:
        kind: Which header it has.
        path: The file, as the patch names it.
        target: Where an updated file moves to; empty if it stays.
        hunks: The changes of an updated file.
        content: What an added file holds.
        ending: How lines end in the patch, for files that do not tell.
    """

    kind: Literal["Add", "Update", "Delete"]
    path: str
    target: str = ""
    hunks: tuple[Hunk, ...] = ()
    content: str = ""
    ending: str = "\n"

    @property
    def sought(self) -> str:
        """The lines that must be in the file."""
        return "\n".join(line for hunk in self.hunks for line in (*hunk.anchors, *hunk.old))


@dataclass(frozen=True)
class _Chunk:
    """Lines `start` to `end` of a file, and what takes their place."""

    start: int
    end: int
    new: tuple[str, ...]


def parse(patch: str) -> list[FileChange]:
    """Read a patch.

    Raises:
        InvalidArgumentError: It is not a patch; the message has the line.
    """
    lines = [line.removesuffix("\r") for line in patch.strip("\r\n\t ").split("\n")]
    if lines[0].rstrip() != _BEGIN or lines[-1].rstrip() != _END or len(lines) < 2:
        raise InvalidArgumentError(
            f"The patch must begin with the line {_BEGIN!r} and end with the line {_END!r}; "
            f"{_NOTHING} Its first line is {lines[0][:80]!r}, its last {lines[-1][:80]!r}."
        )
    ending = "\r\n" if "\r\n" in patch else "\n"
    changes = [_change(section, ending) for section in _sections(lines[1:-1])]
    if not changes:
        raise InvalidArgumentError(
            f"The patch names no file; {_NOTHING} After {_BEGIN!r} comes a line such as "
            "'*** Update File: app.py'."
        )
    return changes


def splices(content: bytes, change: FileChange) -> list[Splice]:
    """Where the hunks of a file go, and what they put there.

    Args:
        content: What the file holds.
        change: What the patch does to it.

    Raises:
        NoMatchError: A hunk does not match the file, in the order of the patch.
        AmbiguousMatchError: A hunk matches several places, and has no `@@` line.
        BinaryFileError: The file is not text.
        InvalidArgumentError: The hunks change nothing.
    """
    if not change.hunks:
        return []
    if b"\0" in content:
        raise BinaryFileError(
            f"{change.path!r} is a binary file, and a patch works on text; {_NOTHING} Use exec to "
            "change it.",
            change.path,
        )
    raw = content.split(b"\n")
    # Line endings are the file's own; the last of the lines has none.
    lines = [line.removesuffix(b"\r") for line in raw[:-1]] + raw[-1:]
    chunks: list[_Chunk] = []
    cursor = 0
    for hunk in change.hunks:
        start = _place(content, lines, hunk, cursor, change.path)
        cursor = start + len(hunk.old)
        for chunk in _chunks(hunk, start):
            if chunks and chunks[-1].end == chunk.start:
                before = chunks.pop()
                chunk = _Chunk(before.start, chunk.end, before.new + chunk.new)
            chunks.append(chunk)
    made = list(_in_bytes(raw, chunks, change.ending.encode()))
    if all(content[each.start : each.end] == each.new for each in made) and not change.target:
        raise InvalidArgumentError(f"The hunks of {change.path!r} change nothing; {_NOTHING}")
    return made


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each file, its header first."""
    section: list[str] = []
    for line in lines:
        if _HEADER.match(line):
            if section:
                yield section
            section = [line]
        elif section:
            section.append(line)
        elif line.strip():
            raise InvalidArgumentError(
                f"The patch has the line {line[:80]!r} before it names a file; {_NOTHING} Begin "
                "with '*** Add File: PATH', '*** Update File: PATH' or '*** Delete File: PATH'."
            )
    if section:
        yield section


def _change(section: list[str], ending: str) -> FileChange:
    header = _HEADER.fullmatch(section[0])
    assert header
    kind, path, body = header[1], header[2].strip(), section[1:]
    if not path:
        raise InvalidArgumentError(f"The line {section[0]!r} names no file; {_NOTHING}")
    if kind == "Update":
        target = ""
        if body and body[0].startswith(_MOVE):
            target = body.pop(0).removeprefix(_MOVE).strip()
            if not target:
                raise InvalidArgumentError(f"{_MOVE!r} of {path!r} names no file; {_NOTHING}")
        hunks = tuple(_hunks(body, path))
        if not hunks and not target:
            raise InvalidArgumentError(f"The patch has no hunk for {path!r}; {_NOTHING}")
        return FileChange("Update", path, target, hunks, ending=ending)
    while body and not body[-1].strip():
        body.pop()
    if kind == "Delete":
        if body:
            raise _misplaced(body[0], path, "nothing follows '*** Delete File'")
        return FileChange("Delete", path)
    for line in body:
        if not line.startswith("+"):
            raise _misplaced(line, path, "each line of a new file begins with '+'")
    return FileChange("Add", path, content="".join(line[1:] + ending for line in body))


def _hunks(body: list[str], path: str) -> Iterator[Hunk]:
    left = deque(body)
    for number in count(1):
        if not left:
            return
        anchors = [line[3:] for line in _taken(left, lambda line: f"{line} ".startswith("@@ "))]
        if number > 1 and not anchors:
            raise _misplaced(left[0], path, "a hunk begins with '@@'")
        lines = [
            (line[:1] or " ", line[1:])
            for line in _taken(left, lambda line: line[:1] in ("", " ", "-", "+"))
        ]
        at_end = bool(left) and left[0].rstrip() == _END_OF_FILE
        if at_end:
            left.popleft()
        elif left and not left[0].startswith("@@"):
            raise _misplaced(left[0], path, "a line of a hunk begins with a space, '-' or '+'")
        if not lines:
            raise InvalidArgumentError(
                f"Hunk {number} of {path!r} has no lines; {_NOTHING} After '@@' write "
                "the unchanged lines, and those to remove and to add."
            )
        named = tuple(anchor for anchor in anchors if anchor.strip())
        yield Hunk(number, named, tuple(lines), at_end)


def _taken(lines: deque[str], test: Callable[[str], bool]) -> Iterator[str]:
    """The first lines, as long as they pass; they are left out from then on."""
    while lines and test(lines[0]):
        yield lines.popleft()


def _misplaced(line: str, path: str, rule: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"The patch has the line {line[:80]!r} for {path!r}, where {rule}; {_NOTHING}"
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _place(content: bytes, lines: list[bytes], hunk: Hunk, cursor: int, path: str) -> int:
    """The line where the hunk goes, not before the cursor."""
    what = f"Hunk {hunk.number}"
    for i, anchor in enumerate(hunk.anchors):
        found = _after_anchor(lines, _encoded(anchor), cursor, stacked=i > 0)
        if found is None:
            shown = f"The line '@@ {anchor}' of hunk {hunk.number}"
            raise NoMatchError(describe_absence(content, anchor, path, shown))
        cursor = found
    old = [_encoded(text) for text in hunk.old]
    # What follows the last newline is no line that something can be put after.
    end = len(lines) - (not lines[-1])
    if hunk.at_end:
        start = end - len(old)
        places = [start] if start >= cursor and lines[start:end] == old else []
    elif old:
        places = list(_places(lines, old, cursor))
    elif hunk.anchors or not content:
        places = [cursor]
    else:
        raise AmbiguousMatchError(
            f"{what} of {path!r} only adds lines and does not say where; "
            f"{_NOTHING} Add unchanged lines around the place, an '@@' line before it, or "
            f"{_END_OF_FILE!r}."
        )
    if len(places) == 1 or (places and hunk.anchors):
        return places[0]
    if places:
        where = list_lines([place + 1 for place in places], len(places))
        raise AmbiguousMatchError(
            f"{what} of {path!r} fits {len(places):,} places, at lines {where}; "
            f"{_NOTHING} Add lines around it, or before it a line such as '@@ def name():'."
        )
    if old and (elsewhere := next(_places(lines, old, 0), None)) is not None:
        why = (
            f"not at the end of the file, as {_END_OF_FILE!r} says"
            if hunk.at_end
            else "before the hunk above it; hunks must be in the order of the file"
        )
        raise NoMatchError(f"{what} of {path!r} matches at line {elsewhere + 1}, {why}; {_NOTHING}")
    raise NoMatchError(describe_absence(content, "\n".join(hunk.old), path, what))


def _after_anchor(lines: list[bytes], anchor: bytes, cursor: int, *, stacked: bool) -> int | None:
    """The line after the anchor; None if it is not there.

    Whitespace around an anchor does not count, because models leave out its indentation. One
    that the cursor has passed already narrows nothing, unless it follows another anchor.
    """
    for wanted, candidates in (
        (anchor, lines),
        (anchor.strip(), [line.strip() for line in lines]),
    ):
        if not stacked and wanted in candidates[:cursor]:
            return cursor
        if wanted in candidates[cursor:]:
            return candidates.index(wanted, cursor) + 1
    return None


def _places(lines: list[bytes], old: list[bytes], cursor: int) -> Iterator[int]:
    for start in range(cursor, len(lines) - len(old) + 1):
        if lines[start] == old[0] and lines[start : start + len(old)] == old:
            yield start


def _chunks(hunk: Hunk, start: int) -> Iterator[_Chunk]:
    """The runs of lines that the hunk changes."""
    begin = position = start
    new: list[str] = []
    for sign, text in (*hunk.lines, (" ", "")):
        if sign == "+":
            new.append(text)
            continue
        if sign == " ":
            if new or position > begin:
                yield _Chunk(begin, position, tuple(new))
            new = []
            begin = position + 1
        position += 1


def _in_bytes(raw: Sequence[bytes], chunks: list[_Chunk], otherwise: bytes) -> Iterator[Splice]:
    starts = [0]
    for line in raw:
        starts.append(starts[-1] + len(line) + 1)
    last, size = len(raw), starts[-1] - 1
    for chunk in chunks:
        ending = _ending(raw, chunk.start) or otherwise
        new = [_encoded(text) for text in chunk.new]
        if chunk.end < last:
            added = b"".join(line + ending for line in new)
            yield Splice(starts[chunk.start], starts[chunk.end], added)
        elif chunk.start == last:
            yield Splice(size, size, b"".join(ending + line for line in new))
        elif new or not chunk.start:
            yield Splice(starts[chunk.start], size, ending.join(new))
        else:  # the line before becomes the last, which has no ending
            before = 1 + raw[chunk.start - 1].endswith(b"\r")
            yield Splice(starts[chunk.start] - before, size, b"")


def _ending(raw: Sequence[bytes], index: int) -> bytes:
    """How lines end around here; empty if no line does."""
    for i in (index, index - 1, index - 2):
        if 0 <= i < len(raw) - 1:
            return b"\r\n" if raw[i].endswith(b"\r") else b"\n"
    return b""
