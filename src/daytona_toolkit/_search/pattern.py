"""The parts of a pattern, and how each is written for `grep -E` over bytes. No I/O."""

import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from daytona_toolkit.errors import SearchPatternError

# Limits on what a grep has to build: parts that a pattern expands to, and bytes (an argument
# of a program may have 128 KiB).
_SIZE = 50_000
_BYTES = 100_000

# The last code point.
LAST = 0x10FFFF

Range = tuple[int, int]

_NEWLINE = 10
_ANY_BYTE = frozenset(range(1, 256)) - {_NEWLINE}


class Node:
    """A part of a pattern; one that is in it many times is written once."""

    @cached_property
    def size(self) -> int:
        """How much an engine has to build for it."""
        return 1

    @cached_property
    def grep(self) -> bytes:
        """As an extended regular expression over bytes."""
        raise NotImplementedError


@dataclass(frozen=True)
class ByteSet(Node):
    """One byte out of a set."""

    members: frozenset[int]

    @cached_property
    def grep(self) -> bytes:
        if self.members == _ANY_BYTE:
            return b"."
        if _NEWLINE in self.members:  # which would end the pattern, so name the others
            return b"[^" + _listed(_ANY_BYTE - self.members) + b"]"
        if len(self.members) == 1:
            return _escaped(*self.members)
        return b"[" + _listed(self.members) + b"]"


@dataclass(frozen=True)
class Anchor(Node):
    """A position: the start or end of a line, or of a word."""

    text: bytes

    @cached_property
    def grep(self) -> bytes:
        return self.text


@dataclass(frozen=True)
class Concat(Node):
    """Parts in sequence."""

    parts: tuple[Node, ...]

    @cached_property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @cached_property
    def grep(self) -> bytes:
        return b"".join(
            b"(" + part.grep + b")" if isinstance(part, Alternation) else part.grep
            for part in self.parts
        )


@dataclass(frozen=True)
class Alternation(Node):
    """Any one of several parts."""

    branches: tuple[Node, ...]

    @cached_property
    def size(self) -> int:
        return sum(branch.size for branch in self.branches)

    @cached_property
    def grep(self) -> bytes:
        return b"|".join(branch.grep for branch in self.branches)


@dataclass(frozen=True)
class Repeat(Node):
    """A part `least` to `most` times; None is without end."""

    part: Node
    least: int
    most: int | None

    @cached_property
    def size(self) -> int:
        return 1 + self.part.size * max(self.least, self.most or 1)

    @cached_property
    def grep(self) -> bytes:
        text = self.part.grep
        if not isinstance(self.part, ByteSet):
            text = b"(" + text + b")"
        return text + self._count().encode()

    def _count(self) -> str:
        match self.least, self.most:
            case 0, None:
                return "*"
            case 1, None:
                return "+"
            case 0, 1:
                return "?"
        most = "" if self.most is None else self.most
        return f"{{{self.least},{most}}}"


@dataclass(frozen=True)
class Characters:
    """A set of characters, by their code points, in order."""

    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> "Characters":
        """Put ranges in order and join those that touch."""
        joined: list[Range] = []
        for first, last in sorted(ranges):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    @classmethod
    def from_text(cls, text: str) -> "Characters":
        """Those of a text."""
        return cls.of((ord(char), ord(char)) for char in text)

    def inverted(self) -> "Characters":
        """All characters but these."""
        gaps, start = [], 0
        for first, last in self.ranges:
            if first > start:
                gaps.append((start, first - 1))
            start = last + 1
        if start <= LAST:
            gaps.append((start, LAST))
        return Characters(tuple(gaps))

    def without(self, taken: str) -> "Characters":
        """All but some."""
        return self.inverted().plus(Characters.from_text(taken).ranges).inverted()

    def plus(self, ranges: Iterable[Range]) -> "Characters":
        """These and more."""
        return Characters.of([*self.ranges, *ranges])

    def any_case(self) -> "Characters":
        """These and the other case of each; in a range of thousands, for ASCII letters only."""
        others = {
            ord(other)
            for first, last in self.ranges
            for code in range(first, (last if last - first < 1000 else min(last, 0x7F)) + 1)
            for other in (chr(code).lower(), chr(code).upper())
            if len(other) == 1 and other.casefold() == chr(code).casefold()
        }
        return self.plus((code, code) for code in others)

    @lru_cache(maxsize=256)  # noqa: B019 # its bound is all that is kept
    def node(self, *, repeated: bool = False) -> Node:
        """The part of a pattern that matches one of them.

        Args:
            repeated: Any number of them will follow each other. Then, with all characters
                outside ASCII among them, any of their bytes matches.
        """
        # No line and no name holds a NUL.
        single = frozenset(c for a, b in self.ranges for c in range(max(a, 1), min(b, 0x7F) + 1))
        if repeated and self.ranges and self.ranges[-1][0] <= 0x80 <= LAST == self.ranges[-1][1]:
            return ByteSet(single | frozenset(range(0x80, 0x100)))
        branches: list[Node] = []
        for first, last in self.ranges:
            if _is_byte(first) and _is_byte(last):
                single |= frozenset(range(first - 0xDC00, last - 0xDC00 + 1))
                continue
            for spans in _utf8(max(first, 0x80), last):
                sets: list[Node] = [ByteSet(frozenset(range(a, b + 1))) for a, b in spans]
                branches.append(Concat(tuple(sets)))
        if single:
            branches.insert(0, ByteSet(single))
        return branches[0] if len(branches) == 1 else Alternation(tuple(branches))


NAMED_SETS = {
    name: Characters.from_text(text)
    for name, text in {
        "alpha": string.ascii_letters,
        "digit": string.digits,
        "alnum": string.ascii_letters + string.digits,
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "space": "\t\v\f\r ",
        "blank": "\t ",
        "punct": string.punctuation,
        "xdigit": string.hexdigits,
        "word": string.ascii_letters + string.digits + "_",
        "cntrl": "".join(map(chr, range(1, 32))) + "\x7f",
        "print": "".join(map(chr, range(32, 127))),
        "graph": "".join(map(chr, range(33, 127))),
    }.items()
}


def expression(node: Node, pattern: str) -> str:
    """A pattern for `grep -E` in the C locale; bytes that are not UTF-8 are surrogates.

    Raises:
        SearchPatternError: An engine would take too long to build it.
    """
    if node.size > _SIZE or len(written := node.grep) > _BYTES:
        raise SearchPatternError(
            f"The pattern {pattern[:80]!r} expands to too much; repeat less, or split it."
        )
    return written.decode("utf-8", "surrogateescape")


def _escaped(byte: int) -> bytes:
    return b"\\" * (byte in rb"\^$.[]|()*+?{}") + bytes([byte])


def _listed(members: frozenset[int]) -> bytes:
    """The members of a set, in square brackets."""
    # `]` must be first, `-` last, `^` not first; `[` must not meet `.`, `:` or `=`.
    text = b"".join(_span(first, last) for first, last in _runs(members - set(b"][^-")))
    if ord("]") in members:
        text = b"]" + text
    tail = bytes(char for char in b"[^-" if char in members)
    return text + (b"-^" if tail == b"^-" and not text else tail)


def _span(first: int, last: int) -> bytes:
    """The bytes of a run, in square brackets."""
    return bytes(range(first, last + 1)) if last - first < 3 else b"%c-%c" % (first, last)


def _runs(members: Iterable[int]) -> Iterator[Range]:
    """The runs in a set of bytes."""
    return iter(Characters.of((byte, byte) for byte in members).ranges)


def _is_byte(code: int) -> bool:
    """Whether a code point is how Python spells a byte that is no UTF-8."""
    return 0xDC80 <= code <= 0xDCFF


def _utf8(first: int, last: int) -> Iterator[list[Range]]:
    """The code points of a range as ranges of bytes, one for each place in a character."""
    if first > last:
        return
    cuts = [bound + 1 for bound in (0x7FF, 0xFFFF) if first <= bound < last]
    for bits in (6, 12, 18):
        low = (1 << bits) - 1
        if first & ~low != last & ~low:
            if first & low:
                cuts.append((first | low) + 1)
            elif last & low != low:
                cuts.append(last & ~low)
    if cuts:
        yield from _utf8(first, cuts[0] - 1)
        yield from _utf8(cuts[0], last)
        return
    ends = (chr(code).encode("utf-8", "surrogatepass") for code in (first, last))
    yield list(zip(*ends, strict=True))
