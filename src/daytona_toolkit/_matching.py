"""Finds a text in a file, and explains why it is not found. Bytes in, no I/O."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from daytona_toolkit._text import count_of, lines_of

# Lines that are compared at length (0.3 ms each), and near misses that are shown.
_COMPARED = 500
_SHOWN = 3
# Places that are looked for, of some 25 microseconds each.
MOST_PLACES = 500_000
# Ranges of a file that one request replaces; nearer ones are joined.
_SPLICES = 8
# Places of an ambiguous match that are listed.
_LISTED = 10
# How alike two lines must be to be called close.
_CLOSE = 0.6

_GUTTER = re.compile(rb"^\d+\|", re.MULTILINE)
_WORD = re.compile(r"\w{3,}")
_QUOTES = str.maketrans("‘’‚‛“”„‟`", "''''\"\"\"\"'")


@dataclass(frozen=True)
class Splice:
    """Bytes `start` to `end` of a file, and what takes their place."""

    start: int
    end: int
    new: bytes


@dataclass(frozen=True)
class Match:
    """Where the old text occurs.

    Attributes:
        old: Its bytes, with the line endings of the file.
        new: The bytes to put there, with these line endings too.
        starts: All positions, overlapping ones too; of more than `MOST_PLACES`, one more.
    """

    old: bytes
    new: bytes
    starts: tuple[int, ...]

    def splices(self) -> list[Splice]:
        """A splice for every position that does not overlap the one before."""
        found: list[Splice] = []
        for start in self.starts:
            if not found or start >= found[-1].end:
                found.append(Splice(start, start + len(self.old), self.new))
        return found


def match(content: bytes, old: str, new: str) -> Match:
    r"""Find the old text: its exact bytes, or with the line endings that the file uses.

    In a file of CRLF (or CR) lines, line endings of a model, which writes `\\n`, become
    those of the file. An old text with `\\r` is taken as it is.
    """
    old_bytes = old.encode("utf-8", "surrogateescape")
    new_bytes = new.encode("utf-8", "surrogateescape")
    starts = tuple(_positions(content, old_bytes))
    ending = _foreign_ending(content)
    if ending and "\r" not in old:
        if "\n" in old and not starts:
            old_bytes, new_bytes = _with_ending(old_bytes, ending), _with_ending(new_bytes, ending)
            starts = tuple(_positions(content, old_bytes))
        elif "\n" not in old and b"\n" not in content.replace(ending, b""):
            # A part of a line says nothing of line endings; the file, all of one kind, does.
            new_bytes = _with_ending(new_bytes, ending)
    return Match(old_bytes, new_bytes, starts)


def splice(content: bytes, splices: list[Splice]) -> bytes:
    """The content with all splices made; they are in order and do not overlap."""
    parts, position = [], 0
    for each in splices:
        parts += [content[position : each.start], each.new]
        position = each.end
    return b"".join([*parts, content[position:]])


def merge(content: bytes, splices: list[Splice], most: int = _SPLICES) -> list[Splice]:
    """Fewer splices with the same effect, because each costs the sandbox some processes.

    Those with the smallest gaps between them are joined, until there are at most `most`.
    """
    if len(splices) <= most:
        return splices
    gaps = sorted(
        range(1, len(splices)), key=lambda i: splices[i].start - splices[i - 1].end, reverse=True
    )
    borders = [0, *sorted(gaps[: most - 1]), len(splices)]
    merged = []
    for first, last in pairwise(borders):
        start, end = splices[first].start, splices[last - 1].end
        group = [Splice(s.start - start, s.end - start, s.new) for s in splices[first:last]]
        merged.append(Splice(start, end, splice(content[start:end], group)))
    return merged


def describe_ambiguity(content: bytes, found: Match, path: str) -> str:
    """The message where the old text occurs in several places."""
    lines = [content.count(b"\n", 0, start) + 1 for start in found.starts[:_LISTED]]
    if b"\n" in content[found.starts[0] : found.starts[-1]]:
        where = f"at lines {list_lines(lines, len(found.starts))}"
    else:
        where = f"all in line {lines[0]}"
    return (
        f"old_string occurs {len(found.starts):,} times in {path!r}, {where}; nothing "
        "was changed. Add lines around it so that it names one place, or set replace_all to "
        "replace all of them."
    )


def list_lines(lines: list[int], total: int) -> str:
    """The first numbers of lines, and how many there are besides."""
    shown = ", ".join(map(str, lines[:_LISTED]))
    return shown + (f" and {total - _LISTED:,} more" if total > _LISTED else "")


def describe_absence(content: bytes, old: str, path: str, what: str = "old_string") -> str:
    """The message where a text does not occur: what comes closest, and how it differs.

    Args:
        content: What the file holds.
        old: The text.
        path: What to call the file.
        what: What to call the text.
    """
    old_bytes = old.encode("utf-8", "surrogateescape")
    bare = _GUTTER.sub(b"", old_bytes)
    start = f"{what} is not in {path!r}; nothing was changed."
    if bare != old_bytes and match(content, bare.decode(errors="replace"), "").starts:
        return (
            f"{start} It has the line numbers that read shows, such as `12|`; it matches without "
            "them."
        )
    wanted = old.splitlines() or [old]
    lines = lines_of(content)
    near = _closest(lines, wanted, what)
    if not near:
        return (
            f"{start} None of the file's {count_of(len(lines), 'line')} comes close to it; read "
            "the file to see what is there."
        )
    return "\n".join([start, *near, "Read the file around there and copy the text exactly."])


def _foreign_ending(content: bytes) -> bytes | None:
    """The line ending of a file whose lines do not end with LF alone."""
    if b"\r\n" in content:
        return b"\r\n"
    return b"\r" if b"\r" in content and b"\n" not in content else None


def _with_ending(text: bytes, ending: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", ending)


def _positions(content: bytes, old: bytes) -> Iterator[int]:
    position = content.find(old)
    for _ in range(MOST_PLACES + 1):
        if position < 0:
            return
        yield position
        position = content.find(old, position + 1)


def _closest(lines: list[str], wanted: list[str], what: str) -> list[str]:
    """Up to three places that nearly match, a line of text each."""
    anchor = next((i for i, line in enumerate(wanted) if line.strip()), 0)
    target = wanted[anchor]
    exact = [i for i, line in enumerate(lines) if line.rstrip("\r") == target]
    if exact and len(wanted) > 1:
        return [_first_difference(lines, wanted, i - anchor, what) for i in exact[:_SHOWN]]
    loose = _loosely(target)
    forms = [_loosely(line) for line in lines] if loose else []
    near = [i for i, form in enumerate(forms) if form == loose]
    near += [i for i, form in enumerate(forms) if loose in form]
    if not near:
        near = _alike(lines, target)
    return [
        f"  line {i + 1}: {lines[i][:200]!r} {_difference(target, lines[i])}"
        for i in dict.fromkeys(near)
    ][:_SHOWN]


def _first_difference(lines: list[str], wanted: list[str], start: int, what: str) -> str:
    for i, expected in enumerate(wanted):
        place = start + i
        actual = lines[place] if 0 <= place < len(lines) else None
        if actual is None:
            return f"  from line {start + 1}: the file ends before line {i + 1} of {what}"
        last = i == len(wanted) - 1
        if actual != expected and not (last and actual.startswith(expected)):
            return (
                f"  from line {start + 1}: line {i + 1} of {what} is {expected[:200]!r}, but "
                f"line {place + 1} is {actual[:200]!r} {_difference(expected, actual)}"
            )
    return f"  from line {start + 1}: only what follows the last line differs"


def _alike(lines: list[str], target: str) -> list[int]:
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(target[:300])
    scored = []
    words = set(_WORD.findall(target))
    shared = [len(words.intersection(_WORD.findall(line))) for line in lines]
    related = [i for i, number in enumerate(shared) if number] or range(len(lines))
    for i in sorted(related, key=lambda i: -shared[i])[:_COMPARED]:
        matcher.set_seq1(lines[i][:300])
        if matcher.real_quick_ratio() > _CLOSE and matcher.quick_ratio() > _CLOSE:
            ratio = matcher.ratio()
            if ratio > _CLOSE:
                scored.append((-ratio, i))
    return [i for _, i in sorted(scored)[:_SHOWN]]


def _loosely(line: str) -> str:
    return " ".join(line.translate(_QUOTES).replace('"', "'").casefold().split())


def _difference(expected: str, actual: str) -> str:
    """How two lines differ, if a few words can say it."""
    if expected == actual:
        return "(this line matches)"
    if expected.rstrip() == actual.rstrip():
        return "(differs in trailing whitespace)"
    if expected.strip() == actual.strip():
        kinds = {"\t" in _indent(expected), "\t" in _indent(actual)}
        return "(differs in tabs and spaces)" if len(kinds) == 2 else "(differs in indentation)"
    if "".join(expected.split()) == "".join(actual.split()):
        return "(differs in whitespace)"
    if expected.casefold().strip() == actual.casefold().strip():
        return "(differs in case)"
    if _loosely(expected) == _loosely(actual):
        return "(differs in quotes, whitespace or case)"
    return ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
