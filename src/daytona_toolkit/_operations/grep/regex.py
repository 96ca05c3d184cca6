r"""The dialect of regular expressions that grep takes. No I/O.

Sandboxes have GNU grep or busybox grep, each with an engine and a locale of its own:
`\d`, `{` and `[\]]` mean different things to them, and a `.` may be a byte or a character.
So a pattern is parsed here, faults and all, and rewritten in what all of them read alike:
over bytes, with sets and repetitions only. It is

* extended regular expressions: `.`, `[…]`, `[[:alpha:]]`, `( )`, `|`, `*`, `+`, `?`, `{n,m}`
  (to 255), `^`, `$`; a `{` that begins no repetition is a plain character;
* `\d \w \s \D \W \S`, `\b \B \< \>` for the borders of words, `\t \r \f \v \xHH \uHHHH`; letters
  and digits are those of ASCII there;
* a backslash takes the meaning from any other character, inside brackets too;
* `(?:…)`, and `*?` and its like, which find the same lines as `(…)` and `*`;
* `.` and sets match whole characters of UTF-8; `.*` and `[^x]*` also bytes that are no UTF-8;
* `$` also matches before the CR of a line that ends with CR LF.

There are no back references, no assertions and no flags: no two greps agree on them.
"""

import re
from dataclasses import dataclass, field

from daytona_toolkit._search.pattern import (
    LAST,
    NAMED_SETS,
    Alternation,
    Anchor,
    ByteSet,
    Characters,
    Concat,
    Node,
    Range,
    Repeat,
    expression,
)
from daytona_toolkit.errors import SearchPatternError

# The most that POSIX promises for {n,m}.
_REPEATS = 255
_LENGTH = 10_000
# Groups in each other: reading them is a recursion, of which Python allows few.
_DEPTH = 50

_INTERVAL = re.compile(r"\{(\d*)(,?)(\d*)\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})")
_NAMED = re.compile(r":(\^?)(\w+):\]")
_CONTROLS = {"t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_ANCHORS = {"b": rb"\b", "B": rb"\B", "<": rb"\<", ">": rb"\>"}

_ANY = Characters(((0, LAST),)).without("\n")
_END = Concat((Repeat(ByteSet(frozenset(b"\r")), 0, 1), Anchor(b"$")))
_ESCAPED_SETS = {"d": NAMED_SETS["digit"], "w": NAMED_SETS["word"], "s": NAMED_SETS["space"]}
_ESCAPED_SETS |= {letter.upper(): each.inverted() for letter, each in _ESCAPED_SETS.items()}


def compile_regex(pattern: str, *, fixed: bool = False, ignore_case: bool = False) -> str:
    """Read a pattern.

    Args:
        pattern: The pattern.
        fixed: Whether each of its characters stands for itself.
        ignore_case: Whether letters match in either case.

    Returns:
        It, as `expression` writes it.

    Raises:
        SearchPatternError: It does not parse, or it asks for what the dialect lacks.
    """
    if not pattern:
        raise SearchPatternError("The pattern is empty; give the text to search for.")
    if len(pattern) > _LENGTH:
        raise SearchPatternError(
            f"The pattern has {len(pattern):,} characters, and the limit is {_LENGTH:,}; search "
            "for a part of it."
        )
    for char, name in (("\n", "newline"), ("\0", "NUL character")):
        if char in pattern:
            raise SearchPatternError(
                f"The pattern contains a {name}; grep works on one line at a time. Search for "
                "one of the lines."
            )
    parser = _Parser(pattern, ignore_case=ignore_case)
    return expression(parser.literal() if fixed else parser.parse(), pattern)


@dataclass
class _Parser:
    """Reads a pattern from left to right."""

    pattern: str
    ignore_case: bool
    position: int = field(default=0, init=False)
    depth: int = field(default=0, init=False)

    def literal(self) -> Node:
        return Concat(tuple(self._single(char).node() for char in self.pattern))

    def parse(self) -> Node:
        node = self._choice()
        if self.position < len(self.pattern):
            raise self._fault("has a `)` without a `(`", "escape it as \\)")
        return node

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        # Not every engine takes an empty branch; all of them take a `?`.
        filled = tuple(branch for branch in branches if branch.parts)
        if not filled:
            return Concat(())
        node: Node = filled[0] if len(filled) == 1 else Alternation(filled)
        return node if len(filled) == len(branches) else Repeat(node, 0, 1)

    def _sequence(self) -> Concat:
        parts: list[Node] = []
        while self.position < len(self.pattern) and self._peek() not in "|)":
            parts.append(self._repeated())
        return Concat(tuple(parts))

    def _repeated(self) -> Node:
        atom = self._atom()
        bounds = self._bounds()
        if bounds is None:
            return _node(atom)
        least, most = bounds
        if isinstance(atom, Anchor) or atom in (_END, Concat(())):
            raise self._fault("repeats nothing", "put what to repeat before `*`, `+`, `?` or `{`")
        self._take("?")  # the shortest match is in the same lines as the longest
        if self._bounds() is not None:
            raise self._fault("repeats a repetition", "put the first in brackets, as in (a+)*")
        if isinstance(atom, Characters):
            atom = atom.node(repeated=most is None and least <= 1)
        return Repeat(atom, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The repetition that begins here, if one does."""
        for char, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(char):
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
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._set()
            case ".":
                return _ANY
            case "^":
                return Anchor(b"^")
            case "$":
                return _END
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise self._fault(
                    f"has a `{char}` with nothing before it to repeat",
                    f"escape it as \\{char}, or write .* for any text",
                )
        return self._single(char)

    def _group(self) -> Node:
        if self._take("?") and not self._take(":"):
            kind = self.pattern[self.position - 1 : self.position + 2]
            advice = "use a plain group ( )"
            if kind[1:2] in ("=", "!", "<"):
                advice = "search for what surrounds it too, or filter the result"
            elif kind[1:2] == "i":
                advice = "use ignore_case=true"
            raise self._fault(f"has ({kind}…, which grep does not know", advice)
        self.depth += 1
        if self.depth > _DEPTH:
            raise self._fault(f"has groups more than {_DEPTH} deep", "remove some brackets")
        node = self._choice()
        if not self._take(")"):
            raise self._fault("has a `(` without a `)`", "escape it as \\(")
        self.depth -= 1
        return node

    def _escape(self) -> Node | Characters:
        char = self._peek()
        if char in _ESCAPED_SETS:
            self._next()
            return _ESCAPED_SETS[char].without("\n")
        if char in _ANCHORS:
            self._next()
            return Anchor(_ANCHORS[char])
        return self._single(self._escaped_character())

    def _escaped_character(self, *, in_set: bool = False) -> str:
        """The character after a backslash."""
        if found := _HEX.match(self.pattern, self.position):
            code = int(found[1] or found[2] or found[3], 16)
            no_line_has = not in_set and code in (0, 10)
            if no_line_has or code > LAST or 0xD800 <= code <= 0xDFFF:
                raise self._fault(f"has \\{found[0]}, which no line contains", "remove it")
            self.position = found.end()
            return chr(code)
        if self.position == len(self.pattern):
            raise self._fault("ends with a backslash", "write \\\\ for a backslash")
        char = self._next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "n" and in_set:
            return "\n"
        if char == "n":
            raise self._fault("has \\n", "grep works on one line at a time; search for one line")
        if char.isdigit():
            raise self._fault(f"has the back reference \\{char}", "write out what it repeats")
        if char.isascii() and char.isalpha():
            raise self._fault(
                f"has \\{char}, which grep does not know", "use \\d, \\w, \\s, \\b or a set in [ ]"
            )
        return char

    def _set(self) -> Characters:
        """A set in square brackets; the first bracket is read already."""
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
                    raise self._fault("has an invalid range in [ ]", "put `-` last in it")
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
            raise self._fault("has a `[` without a `]`", "escape it as \\[")
        char = self._next()
        if char == "[" and (found := _NAMED.match(self.pattern, self.position)):
            if found[2] not in NAMED_SETS:
                raise self._fault(f"has [:{found[2]}:], which grep does not know", "correct it")
            self.position = found.end()
            named = NAMED_SETS[found[2]]
            return named.inverted() if found[1] else named
        if char != "\\":
            return char
        if self._peek() in _ESCAPED_SETS:
            return _ESCAPED_SETS[self._next()]
        if self._peek() == "b":
            raise self._fault("has \\b in [ ]", "put it before or after the set")
        return self._escaped_character(in_set=True)

    def _single(self, char: str) -> Characters:
        chosen = Characters.from_text(char)
        return chosen.any_case() if self.ignore_case else chosen

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _next(self) -> str:
        self.position += 1
        return self.pattern[self.position - 1]

    def _take(self, char: str) -> bool:
        if self._peek() != char:
            return False
        self.position += 1
        return True

    def _fault(self, what: str, advice: str) -> SearchPatternError:
        return SearchPatternError(
            f"The regular expression {self.pattern!r} {what}, at character {self.position}; "
            f"{advice}, or use fixed=true to search for the text as it is."
        )


def _node(part: Node | Characters) -> Node:
    return part.node() if isinstance(part, Characters) else part
