"""The dialect of glob patterns: `**`, `*`, `?`, `[…]`, `{a,b}`. No I/O.

A pattern is matched in the sandbox, as a regular expression over the bytes of a path, so
that what crosses the network is the result and its bound counts hits only.

* `*` and `?` stand for any characters of one name, `?` for exactly one; `[a-z]` for one of
  those, `[!a-z]` for one of the others; a backslash takes the meaning from any of these.
* `**` as a whole part of a path stands for any number of folders, none included; as the last
  part, for everything below.
* `{a,b}` stands for either, and may hold patterns, braces too.
* A name that begins with a dot is hidden: only a pattern that spells the dot out finds it, and
  only then is a hidden folder looked into, unless hidden ones are asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from daytona_toolkit._search.pattern import (
    NAMED_SETS,
    Alternation,
    ByteSet,
    Characters,
    Concat,
    Node,
    Repeat,
    expression,
)
from daytona_toolkit.errors import SearchPatternError

# Limits on what a pattern expands to: patterns, and characters of all those on the way there.
_LENGTH = 4096
_ALTERNATIVES = 1000
_CHARACTERS = 250_000

_NAMED = re.compile(r"\[:(\w+):\]")
_MAGIC = set("*?[{\\")
_OTHERS = Characters.from_text("/").inverted()

# No name holds a slash.
_NEVER = ByteSet(frozenset(b"/"))

_ANYTHING = Repeat(_OTHERS.node(repeated=True), 0, None)

# A part of a component: one character out of a set, or `*`.
_STAR = None
Token = Characters | None


@dataclass(frozen=True)
class Glob:
    """A pattern, ready for the sandbox.

    Attributes:
        start: The folder that all hits are under, as the pattern spells it; empty if they may
            be anywhere.
        filter: An extended regular expression for paths relative to it, `./` first.
        depth: How deep below it a hit can be; None if there is no bound.
        hidden: Whether a hit can be hidden, or in a hidden folder.
        folders: Whether only folders are asked for: the pattern ends with a slash.
    """

    start: str
    filter: str
    depth: int | None
    hidden: bool
    folders: bool


def compile_glob(pattern: str, *, hidden: bool = False) -> Glob:
    """Read a pattern of paths.

    Args:
        pattern: The pattern.
        hidden: Whether it finds hidden names too.

    Raises:
        SearchPatternError: It cannot be matched.
    """
    alternatives = _alternatives(pattern)
    paths = [_components(path, pattern) for path in alternatives]
    start = _common_start(paths)
    rests = [path[len(start) :] for path in paths]
    if any(".." in rest for rest in rests):
        raise SearchPatternError(
            f"The glob pattern {pattern!r} has `..` after a wildcard or at its end; begin with "
            "the folder that you mean."
        )
    node = Alternation(tuple(_path(rest, pattern, hidden=hidden) for rest in rests))
    deep = any("**" in rest for rest in rests)
    root = "/" if alternatives[0].startswith("/") else ""
    return Glob(
        start=root + "/".join(_unescaped(component) for component in start),
        filter=_anchored(node, pattern),
        depth=None if deep else max(len(rest) for rest in rests),
        hidden=hidden or any(_is_dotted(part) for rest in rests for part in rest),
        folders=pattern.endswith("/"),
    )


def compile_name_glob(pattern: str, *, hidden: bool = False) -> str:
    """Read a pattern that selects files in a tree.

    Without a slash it is one of names, at any depth; with one, of paths.

    Returns:
        An extended regular expression for relative paths, `./` first.

    Raises:
        SearchPatternError: It cannot be matched.
    """
    if pattern.startswith(("/", "~")):
        raise SearchPatternError(
            f"The glob {pattern!r} is absolute; give the folder as `path`, and as `glob` what "
            "files in it to search, such as `*.py`."
        )
    nodes = []
    for path in _alternatives(pattern):
        parts = _components(path, pattern)
        if ".." in parts:
            raise SearchPatternError(f"The glob {pattern!r} has `..`; give the folder as `path`.")
        anywhere = ["**", *parts] if "/" not in path else parts
        nodes.append(_path(anywhere, pattern, hidden=hidden))
    return _anchored(Alternation(tuple(nodes)), pattern)


def _anchored(node: Node, pattern: str) -> str:
    return rf"^\./({expression(node, pattern)})$"


def _alternatives(pattern: str) -> list[str]:
    """The patterns without braces that a pattern stands for."""
    if not pattern.strip("/"):
        raise SearchPatternError(f"The glob pattern {pattern!r} is empty; `*` matches all names.")
    if "\0" in pattern:
        raise SearchPatternError(
            f"The glob pattern {pattern[:80]!r} contains a NUL character, which no name has; "
            "remove it."
        )
    if len(pattern) > _LENGTH:
        raise SearchPatternError(
            f"The glob pattern has {len(pattern):,} characters, and the limit is {_LENGTH:,}; "
            "search for a part of it."
        )
    found = _expand_braces(pattern)
    if len({alternative.startswith("/") for alternative in found}) > 1:
        raise SearchPatternError(
            f"The glob pattern {pattern!r} is absolute and relative at once; search twice."
        )
    return list(dict.fromkeys(found))


def _expand_braces(pattern: str) -> list[str]:
    """Expand the first pair of braces that has a comma, and so on."""
    found: list[str] = []
    waiting, characters = [pattern], 0
    while waiting:
        partly = waiting.pop()
        characters += len(partly)
        if len(found) == _ALTERNATIVES or characters > _CHARACTERS:
            raise SearchPatternError(
                f"The braces of the glob pattern {pattern[:80]!r} expand to more than "
                f"{_ALTERNATIVES:,} patterns, or to very long ones; use fewer."
            )
        if pair := _first_braces(partly):
            options = [partly[start + 1 : end] for start, end in pairwise(pair)]
            before, after = partly[: pair[0]], partly[pair[-1] + 1 :]
            waiting += [before + option + after for option in reversed(options)]
        else:
            found.append(partly)
    return found


def _first_braces(pattern: str) -> list[int] | None:
    """Where the first pair of braces with a comma has its braces and its commas."""
    found: list[int] | None = None
    unclosed: list[list[int]] = []
    position = 0
    while position < len(pattern) and (unclosed or not found):
        match pattern[position]:
            case "{":
                unclosed.append([position])
            case "," if unclosed:
                unclosed[-1].append(position)
            case "}" if unclosed:
                pair = [*unclosed.pop(), position]
                if len(pair) > 2 and (not found or pair[0] < found[0]):
                    found = pair
        position = _after(pattern, position)
    return found


def _after(pattern: str, position: int) -> int:
    """The position after a character, with its backslash, or after a set in brackets."""
    if pattern[position] == "\\":
        return position + 2
    if pattern[position] == "[" and (end := _set_end(pattern, position)):
        return end
    return position + 1


def _set_end(text: str, start: int) -> int | None:
    """The position after the set in brackets that begins here; None if none does."""
    position = start + 1
    if text.find("]", position) < 0:
        return None
    if text[position : position + 1] in ("!", "^"):
        position += 1
    first = position
    while position < len(text) and text[position] != "/":
        if text[position] == "]" and position > first:
            return position + 1
        if found := _NAMED.match(text, position):
            position = found.end()
        else:
            position += 2 if text[position] == "\\" else 1
    return None


def _components(path: str, pattern: str) -> list[str]:
    """The parts between the slashes that mean something."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts:
        raise SearchPatternError(f"The glob pattern {pattern!r} names no file; `*` matches all.")
    return parts


def _common_start(paths: Sequence[list[str]]) -> list[str]:
    """The plain components that all paths begin with; the last one is never among them."""
    start: list[str] = []
    for parts in zip(*(path[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1 or _MAGIC & set(parts[0].replace("\\", "")):
            break
        start.append(parts[0])
    return start


def _unescaped(component: str) -> str:
    return re.sub(r"\\(.)", r"\1", component, flags=re.DOTALL)


def _is_dotted(component: str) -> bool:
    return component.startswith((".", "\\."))


def _path(components: Sequence[str], pattern: str, *, hidden: bool) -> Node:
    """A path of components."""
    name = _name([_STAR], hidden=hidden)
    slash = ByteSet(frozenset(b"/"))
    parts: list[Node] = []
    for index, component in enumerate(components):
        last = index == len(components) - 1
        if component == "**":
            parts.append(Repeat(Concat((name, slash)), 0, None))
            if last:
                parts.append(name)
        else:
            tokens = list(_tokens(component, pattern))
            parts.append(_name(tokens, hidden=hidden or _is_dotted(component)))
            if not last:
                parts.append(slash)
    return Concat(tuple(parts))


def _name(tokens: Sequence[Token], *, hidden: bool) -> Node:
    """One name. Unless hidden ones are wanted it does not begin with a dot."""
    if hidden:
        return Concat(tuple(token.node() if token else _ANYTHING for token in tokens))
    first, rest = tokens[0], _name(tokens[1:], hidden=True)
    if first:
        undotted = first.without(".")
        return Concat((undotted.node() if undotted.ranges else _NEVER, rest))
    begun = Concat((_OTHERS.without(".").node(repeated=True), _ANYTHING, rest))
    # The star may also match nothing; then it is the next that may not be a dot.
    return Alternation((begun, _name(tokens[1:], hidden=False))) if tokens[1:] else begun


def _tokens(component: str, pattern: str) -> Iterator[Token]:
    """The tokens of a component, with one star in place of several in a row."""
    position = 0
    while position < len(component):
        char, end = component[position], _after(component, position)
        if char == "*":
            if component[end : end + 1] != "*":
                yield _STAR
        elif char == "?":
            yield _OTHERS
        elif char == "[" and end > position + 1:
            yield _set(component[position + 1 : end - 1], pattern)
        else:
            yield Characters.from_text(component[position:end][-1])
        position = end


def _set(text: str, pattern: str) -> Characters:
    """The characters of a set in square brackets."""
    inverted = text.startswith(("!", "^"))
    ranges: list[tuple[int, int]] = []
    position = int(inverted)
    while position < len(text):
        if found := _NAMED.match(text, position):
            if found[1] not in NAMED_SETS:
                raise SearchPatternError(
                    f"The glob pattern {pattern!r} has [:{found[1]}:], not a character class; "
                    f"use one of {', '.join(NAMED_SETS)}."
                )
            ranges += NAMED_SETS[found[1]].ranges
            position = found.end()
            continue
        first, position = _member(text, position)
        last = first
        if text[position : position + 1] == "-" and position + 1 < len(text):
            last, position = _member(text, position + 1)
        if last < first:
            raise SearchPatternError(
                f"The glob pattern {pattern!r} has an invalid range in [ ]; put `-` last in it."
            )
        ranges.append((ord(first), ord(last)))
    chosen = Characters.of(ranges)
    chosen = (chosen.inverted() if inverted else chosen).without("/\0")
    if not chosen.ranges:
        raise SearchPatternError(
            f"The glob pattern {pattern!r} has a set that matches nothing; correct it."
        )
    return chosen


def _member(text: str, position: int) -> tuple[str, int]:
    """One character of a set, and the position after it."""
    if text[position] == "\\" and position + 1 < len(text):
        position += 1
    return text[position], position + 1
