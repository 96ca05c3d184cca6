"""Makes the text of a program small: it is meant for a shell, not for a reader.

A connection that was idle, as it is between two calls of an agent, sends some 14 KB at once and
the rest a round trip later (RFC 6928, RFC 5681): a request that is larger takes twice as long.
"""

import re
from collections import Counter
from collections.abc import Set
from itertools import product
from string import ascii_lowercase
from typing import NamedTuple

INPUT = re.compile(r"\b_[A-Z][A-Z0-9_]*\b")
VARIABLE = re.compile(r"(?<![\w.])_[a-z][a-z0-9_]*\b(?!\()")

_WORD = re.compile(r"(?<![\w$./-])[a-z_]+\b(?![\w=/.-])")

# A function, in the one way in which ours are written.
_FUNCTION = re.compile(r"^([a-z_]+)\(\) [{(](?:\n(?:(?![})]).*\n)*[})].*|.*[})])\n", re.MULTILINE)

# The name of a function that has several words: none of these is anything else in a program.
_COMPOUND = re.compile(r"^([a-z]+_[a-z_]+)\(\)", re.MULTILINE)

# What is done only where an input is given: a line, or a block without `else`.
_ONLY_WITH = (
    r'^( *)(?:\[ -z "\$(?:{0}|{{{0}:\+yes}})" \] \|\| .*[^\\{{|&(]'
    r'|if \[ -n "\${0}" \]; then\n(?:\1 .*\n)*\1fi)\n'
)


class Minified(NamedTuple):
    """The text of a program as it is sent, and the names in it.

    Attributes:
        text: The text.
        variables: The program's own.
        inputs: What it has to be given, and the nonce.
    """

    text: str
    variables: tuple[str, ...]
    inputs: tuple[str, ...]


def needed(text: str) -> str:
    """A program without the functions that it never calls."""
    functions = {match[1]: match[0] for match in _FUNCTION.finditer(text)}
    steps = _FUNCTION.sub("", text)
    called: set[str] = set()
    unread = [steps]
    while unread:
        found = set(_WORD.findall(unread.pop())) & functions.keys() - called
        called |= found
        unread += map(functions.__getitem__, found)
    return "".join(body for name, body in functions.items() if name in called) + steps


def switches(text: str) -> frozenset[str]:
    """The inputs without which a program leaves something out."""
    return frozenset(name for name in INPUT.findall(text) if _only_with(name).search(text))


def minified(text: str, empty: Set[str], variables: str = "_{}") -> Minified:
    """What is left of a program where these inputs are empty.

    Args:
        text: The program.
        empty: The inputs.
        variables: What its own variables are called, given some letters.
    """
    for name in empty:
        text = _only_with(name).sub(r"\1:\n", text)
    text = _shortened(re.sub(r"^ +", "", needed(text), flags=re.MULTILINE), variables)
    found = (tuple(sorted(set(each.findall(text)))) for each in (VARIABLE, INPUT))
    return Minified(text, *found)


def _only_with(name: str) -> re.Pattern[str]:
    return re.compile(_ONLY_WITH.format(name), re.MULTILINE)


def _shortened(text: str, variables: str) -> str:
    """With short names for functions and the program's own variables."""
    functions = "|".join(_COMPOUND.findall(text))
    text = _renamed(text, re.compile(rf"(?<![\w$])(?:{functions})\b"), "{}_") if functions else text
    return _renamed(text, VARIABLE, variables)


def _renamed(text: str, names: re.Pattern[str], short: str) -> str:
    """With other names, the shortest for those used most."""
    letters = ("".join(word) for size in (1, 2) for word in product(ascii_lowercase, repeat=size))
    used = Counter(names.findall(text)).most_common()
    new = {name: short.format(word) for (name, _), word in zip(used, letters, strict=False)}
    return names.sub(lambda name: new[name[0]], text)
