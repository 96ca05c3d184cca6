r"""The dialect of regular expressions that grep takes. No I/O.

Sandboxes have GNU grep or busybox grep, each with an engine and a locale of its own:
`\d`, `{` and `[\]]` mean different things to them, and a `.` may be a byte or a character.
So a pattern is parsed here, faults and all, and rewritten in what all of them read alike:
over bytes, with sets and repetitions only. It is

* extended regular expressions: `.`, `[…]`, `[[:alpha:]]`, `( )`, `|`, `*`, `+`, `?`, `{n,m}`
  (to 255), `^`, `$`; a `{` that begins no repetition is a plain character;
* `\d \w \s \D \W \S`, `\b \B \< \>` for the borders of words, `\t \r \f \v \xHH \uHHHH`; letters
  and digits are those of ASCII there;
* a backslash takes the meaning from any other sign, inside brackets too;
* `(?:…)`, and `*?` and its like, which find the same lines as `(…)` and `*`;
* `.` and sets match whole characters of UTF-8; `.*` and `[^x]*` also bytes that are none;
* `$` also stands before the CR of a line that ends with CR LF.

There are no back references, no assertions and no flags, for grep has none that agree.
"""

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from daytona_toolkit.errors import SearchPatternError

# The most that POSIX promises for {n,m}.
_REPEATS = 255
# Bounds on what an engine has to build: characters of the pattern, and what they unfold to.
_LENGTH = 10_000
_SIZE = 50_000
# An argument of a program may have 128 KiB.
_BYTES = 100_000

_INTERVAL = re.compile(r"\{(\d*)(,?)(\d*)\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})")
_NAMED = re.compile(r":(\^?)(\w+):\]")
_CONTROLS = {"t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_BORDERS = {"b": rb"\b", "B": rb"\B", "<": rb"\<", ">": rb"\>"}
_LAST = 0x10FFFF

Range = tuple[int, int]


class Node:
    """A part of a pattern."""

    def size(self) -> int:
        """How much an engine has to build for it."""
        return 1

    def grep(self) -> bytes:
        """As an extended regular expression over bytes."""
        raise NotImplementedError


@dataclass(frozen=True)
class ByteSet(Node):
    """One byte out of a set."""

    members: frozenset[int]

    def grep(self) -> bytes:
        if self.members == _ANY_BYTE:
            return b"."
        if _NEWLINE in self.members:  # which would end the pattern, so name the others
            return b"[^" + _listed(_ANY_BYTE - self.members) + b"]"
        if len(self.members) == 1:
            return _escaped(*self.members)
        return b"[" + _listed(self.members) + b"]"


@dataclass(frozen=True)
class Border(Node):
    """A place between characters."""

    sign: bytes

    def grep(self) -> bytes:
        return self.sign


@dataclass(frozen=True)
class Series(Node):
    """Parts one after the other."""

    parts: tuple[Node, ...]

    def size(self) -> int:
        return sum(part.size() for part in self.parts)

    def grep(self) -> bytes:
        return b"".join(
            b"(" + part.grep() + b")" if isinstance(part, Choice) else part.grep()
            for part in self.parts
        )


@dataclass(frozen=True)
class Choice(Node):
    """One of several parts."""

    branches: tuple[Node, ...]

    def size(self) -> int:
        return sum(branch.size() for branch in self.branches)

    def grep(self) -> bytes:
        return b"|".join(branch.grep() for branch in self.branches)


@dataclass(frozen=True)
class Repeat(Node):
    """A part `least` to `most` times; None is without end."""

    part: Node
    least: int
    most: int | None

    def size(self) -> int:
        return 1 + self.part.size() * max(self.least, self.most or 1)

    def grep(self) -> bytes:
        text = self.part.grep()
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

    def inverted(self) -> "Characters":
        """All others."""
        gaps, start = [], 0
        for first, last in self.ranges:
            if first > start:
                gaps.append((start, first - 1))
            start = last + 1
        if start <= _LAST:
            gaps.append((start, _LAST))
        return Characters(tuple(gaps))

    def without(self, taken: str) -> "Characters":
        """All but some."""
        return self.inverted().plus((ord(char), ord(char)) for char in taken).inverted()

    def plus(self, ranges: Iterable[Range]) -> "Characters":
        """These and more."""
        return Characters.of([*self.ranges, *ranges])

    def any_case(self) -> "Characters":
        """With the other case of each; of a range of thousands, of its letters of ASCII only."""
        others = {
            ord(other)
            for first, last in self.ranges
            for code in range(first, (last if last - first < 1000 else min(last, 0x7F)) + 1)
            for other in (chr(code).lower(), chr(code).upper())
            if len(other) == 1 and other.casefold() == chr(code).casefold()
        }
        return self.plus((code, code) for code in others)

    def node(self, *, repeated: bool = False) -> Node:
        """The part of a pattern that matches one of them.

        Args:
            repeated: Any number of them will stand one after the other. Then, with all
                characters outside ASCII among them, any byte of such may stand there.
        """
        # No line and no name holds a NUL.
        single = frozenset(c for a, b in self.ranges for c in range(max(a, 1), min(b, 0x7F) + 1))
        if repeated and self.ranges and self.ranges[-1][0] <= 0x80 <= _LAST == self.ranges[-1][1]:
            return ByteSet(single | frozenset(range(0x80, 0x100)))
        branches: list[Node] = []
        for first, last in self.ranges:
            if _is_byte(first) and _is_byte(last):
                single |= frozenset(range(first - 0xDC00, last - 0xDC00 + 1))
                continue
            for spans in _utf8(max(first, 0x80), last):
                sets: list[Node] = [ByteSet(frozenset(range(a, b + 1))) for a, b in spans]
                branches.append(Series(tuple(sets)))
        if single:
            branches.insert(0, ByteSet(single))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))


_NEWLINE = 10
_ANY_BYTE = frozenset(range(1, 256)) - {_NEWLINE}
_ANY = Characters(((0, _LAST),))
_END = Series((Repeat(ByteSet(frozenset(b"\r")), 0, 1), Border(b"$")))
_DIGIT = Characters.of([(ord("0"), ord("9"))])
_WORD = _DIGIT.plus([(ord("A"), ord("Z")), (ord("a"), ord("z")), (ord("_"), ord("_"))])
_SPACE = Characters.of((ord(sign), ord(sign)) for sign in "\t\v\f\r ")
_ESCAPED_SETS = {
    "d": _DIGIT,
    "w": _WORD,
    "s": _SPACE,
    "D": _DIGIT.inverted(),
    "W": _WORD.inverted(),
    "S": _SPACE.inverted(),
}
NAMED_SETS = {
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
}


def compile_regex(pattern: str, *, fixed: bool = False, ignore_case: bool = False) -> bytes:
    """Read a pattern.

    Args:
        pattern: The pattern.
        fixed: Whether each of its characters stands for itself.
        ignore_case: Whether letters match in either case.

    Returns:
        It, for `grep -E` in the C locale.

    Raises:
        SearchPatternError: It does not parse, or it asks for what the dialect lacks.
    """
    if not pattern:
        raise SearchPatternError("The pattern is empty; give the text to search for.")
    if len(pattern) > _LENGTH:
        raise SearchPatternError(
            f"The pattern has {len(pattern):,} characters, {_LENGTH:,} are the most; search for "
            "a part of it."
        )
    for sign, name in (("\n", "newline"), ("\0", "NUL character")):
        if sign in pattern:
            raise SearchPatternError(
                f"The pattern contains a {name}; grep works on one line at a time. Search for "
                "one of the lines."
            )
    parser = _Parser(pattern, ignore_case=ignore_case)
    node = parser.literal() if fixed else parser.parse()
    check_size(node, pattern)
    return node.grep()


def check_size(node: Node, pattern: str) -> None:
    """Refuse what would take an engine too long to build.

    Raises:
        SearchPatternError: It is too large.
    """
    if node.size() > _SIZE or len(node.grep()) > _BYTES:
        raise SearchPatternError(
            f"The pattern {pattern[:80]!r} unfolds to too much; repeat less, or split it."
        )


@dataclass
class _Parser:
    """Reads a pattern from left to right."""

    pattern: str
    ignore_case: bool
    position: int = field(default=0, init=False)

    def literal(self) -> Node:
        return Series(tuple(self._single(char).node() for char in self.pattern))

    def parse(self) -> Node:
        node = self._choice()
        if self.position < len(self.pattern):
            raise self._fault("has a `)` without a `(`", "write \\) for the sign itself")
        return node

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        # Not every engine takes an empty branch; all of them take a `?`.
        filled = tuple(branch for branch in branches if branch.parts)
        if not filled:
            return Series(())
        node: Node = filled[0] if len(filled) == 1 else Choice(filled)
        return node if len(filled) == len(branches) else Repeat(node, 0, 1)

    def _sequence(self) -> Series:
        parts: list[Node] = []
        while self.position < len(self.pattern) and self._peek() not in "|)":
            parts.append(self._repeated())
        return Series(tuple(parts))

    def _repeated(self) -> Node:
        atom = self._atom()
        bounds = self._bounds()
        if bounds is None:
            return _node(atom)
        least, most = bounds
        if isinstance(atom, Border) or atom in (_END, Series(())):
            raise self._fault("repeats nothing", "put what to repeat before `*`, `+`, `?` or `{`")
        self._take("?")  # the shortest match is in the same lines as the longest
        if self._bounds() is not None:
            raise self._fault("repeats a repetition", "put the first in brackets, as in (a+)*")
        if isinstance(atom, Characters):
            atom = atom.node(repeated=most is None and least <= 1)
        return Repeat(atom, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The repetition that begins here, if one does."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        found = _INTERVAL.match(self.pattern, self.position)
        if not found or not (found[1] or found[3]):
            return None
        self.position = found.end()
        least = int(found[1] or 0)
        most = (int(found[3]) if found[3] else None) if found[2] else least
        if max(least, most or 0) > _REPEATS:
            raise self._fault(f"repeats more than {_REPEATS} times", "use a smaller number")
        if most is not None and most < least:
            raise self._fault(f"has {found[0]}, whose numbers are in the wrong order", "swap them")
        return least, most

    def _atom(self) -> Node | Characters:
        sign = self._next()
        match sign:
            case "(":
                return self._group()
            case "[":
                return self._set()
            case ".":
                return _ANY.without("\n")
            case "^":
                return Border(b"^")
            case "$":
                return _END
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise self._fault(
                    f"has a `{sign}` with nothing before it to repeat",
                    f"write \\{sign} for the sign itself, or .* for any text",
                )
        return self._single(sign)

    def _group(self) -> Node:
        if self._take("?") and not self._take(":"):
            kind = self.pattern[self.position - 1 : self.position + 2]
            advice = "use a plain group ( )"
            if kind[1:2] in ("=", "!", "<"):
                advice = "search for what surrounds it too, or filter the result"
            elif kind[1:2] == "i":
                advice = "use ignore_case=True"
            raise self._fault(f"has ({kind}…, which grep does not know", advice)
        node = self._choice()
        if not self._take(")"):
            raise self._fault("has a `(` without a `)`", "write \\( for the sign itself")
        return node

    def _escape(self) -> Node | Characters:
        sign = self._peek()
        if sign in _ESCAPED_SETS:
            self._next()
            return _ESCAPED_SETS[sign].without("\n")
        if sign in _BORDERS and sign:
            self._next()
            return Border(_BORDERS[sign])
        return self._single(self._escaped_character())

    def _escaped_character(self, *, in_set: bool = False) -> str:
        """The character that stands behind a backslash."""
        if found := _HEX.match(self.pattern, self.position):
            code = int(found[1] or found[2] or found[3], 16)
            no_line_has = not in_set and code in (0, 10)
            if no_line_has or code > _LAST or 0xD800 <= code <= 0xDFFF:
                raise self._fault(f"has \\{found[0]}, which no line contains", "remove it")
            self.position = found.end()
            return chr(code)
        if self.position == len(self.pattern):
            raise self._fault("ends with a backslash", "write \\\\ for the sign itself")
        sign = self._next()
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        if sign == "n" and in_set:
            return "\n"
        if sign == "n":
            raise self._fault("has \\n", "grep works on one line at a time; search for one line")
        if sign.isdigit():
            raise self._fault(f"has the back reference \\{sign}", "write out what it repeats")
        if sign.isascii() and sign.isalpha():
            raise self._fault(f"has \\{sign}, which grep does not know", "see the dialect")
        return sign

    def _set(self) -> Characters:
        """A set in square brackets, whose first is taken already."""
        inverted = self._take("^")
        ranges: list[Range] = []
        first = True
        while first or self._peek() != "]":
            first = False
            start = self._member()
            if isinstance(start, Characters):
                ranges += start.ranges
                continue
            end = start
            if self._peek() == "-" and self.pattern[self.position + 1 : self.position + 2] != "]":
                self._next()
                last = self._member()
                if isinstance(last, Characters) or last < start:
                    raise self._fault("has a range in [ ] that is none", "put `-` last in it")
                end = last
            ranges.append((ord(start), ord(end)))
        self._next()
        chosen = Characters.of(ranges)
        if self.ignore_case:
            chosen = chosen.any_case()
        chosen = (chosen.inverted() if inverted else chosen).without("\n\0")
        if not chosen.ranges:
            raise self._fault("has a set in [ ] that matches nothing", "correct it")
        return chosen

    def _member(self) -> str | Characters:
        """One character of a set in square brackets, or a set in it."""
        if self.position == len(self.pattern):
            raise self._fault("has a `[` without a `]`", "write \\[ for the sign itself")
        sign = self._next()
        if sign == "[" and (found := _NAMED.match(self.pattern, self.position)):
            if found[2] not in NAMED_SETS:
                raise self._fault(f"has [:{found[2]}:], which grep does not know", "correct it")
            self.position = found.end()
            named = Characters.of((ord(char), ord(char)) for char in NAMED_SETS[found[2]])
            return named.inverted() if found[1] else named
        if sign != "\\":
            return sign
        if self._peek() and self._peek() in _ESCAPED_SETS:
            return _ESCAPED_SETS[self._next()]
        if self._peek() == "b":
            raise self._fault("has \\b in [ ]", "put it before or behind the set")
        return self._escaped_character(in_set=True)

    def _single(self, char: str) -> Characters:
        code = ord(char)
        chosen = Characters(((code, code),))
        return chosen.any_case() if self.ignore_case else chosen

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _next(self) -> str:
        self.position += 1
        return self.pattern[self.position - 1]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self.position += 1
        return True

    def _fault(self, what: str, advice: str) -> SearchPatternError:
        return SearchPatternError(
            f"The regular expression {self.pattern!r} {what}, at character {self.position}; "
            f"{advice}, or use fixed=True to search for the text as it is."
        )


def _node(part: Node | Characters) -> Node:
    return part.node() if isinstance(part, Characters) else part


def _escaped(byte: int) -> bytes:
    return b"\\" * (byte in rb"\^$.[]|()*+?{}") + bytes([byte])


def _listed(members: frozenset[int]) -> bytes:
    """The members of a set, in square brackets."""
    # `]` must stand first, `-` last, `^` not first; `[` must not meet `.`, `:` or `=`.
    text = b"".join(_span(first, last) for first, last in _runs(members - set(b"][^-")))
    if ord("]") in members:
        text = b"]" + text
    tail = bytes(sign for sign in b"[^-" if sign in members)
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
