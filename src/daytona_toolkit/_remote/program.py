"""A program: the `sh` text that does one operation, with its inputs.

A program is written as a `.sh` file in the folder of its operation. Parts that several
programs share lie beside this module; a line `. ../../_remote/path.sh` includes one. A program
takes along the functions that it calls and no others, and a step that begins
`[ -z "$_INPUT" ] || ` or `if [ -n "$_INPUT" ]; then` only where that input is given.

The contract between Python and `sh` is checked. A name `_UPPER` in the text is an input;
Python must give each one that what is sent has, and none that the program does not know. A name
`_lower` is a variable of the program; all of them are unset before it runs, so that no variable
of the sandbox's environment can be taken for one. Under `set -u` a variable that was never set
ends the program.

A program is fed to whatever shell the sandbox has, on that shell's standard input. So it is
one function, which the shell reads to its end before it runs, and standard input is taken
away from what it starts.
"""

import base64
import posixpath
import re
import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TypeAlias

from daytona_toolkit._remote.minify import INPUT, Minified, minified, needed, switches

Input: TypeAlias = str | int | Sequence[str] | None

# zsh and bash read a program from a pipe byte by byte (1 MB takes them 0.4 s), sh on most
# systems in blocks (0.01 s). They leave the rest of the pipe untouched, so sh takes over.
_HAND_OVER = "case ${ZSH_VERSION-}${BASH_VERSION-} in ?*) exec sh;; esac"

# A shell may be started with options, and an sh that is bash takes them from its environment.
_OPTIONS = "set +aCef -u; case ${BASH_VERSION-} in ?*) set +k +o pipefail; shopt -u failglob;; esac"

_INCLUDE = re.compile(r"^\. (\.\.?/[\w./]+\.sh)$")
_COMMENT = re.compile(r"(^ *#| +# ).*")


class Source:
    """The text of a program, without its inputs.

    Args:
        package: The package that holds the file.
        name: The file's name, without `.sh`.

    Example:
        ```python
        WRITE = Source(__package__, "write")
        ```
    """

    def __init__(self, package: str, name: str) -> None:
        self.package = package
        self.name = name
        self._minified: dict[frozenset[str], Minified] = {}

    @cached_property
    def text(self) -> str:
        """The file with those that it includes, without comments."""
        root, _, folder = self.package.partition(".")
        return needed(_composed(root, PurePosixPath(*folder.split("."), f"{self.name}.sh"), set()))

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The names that the program takes, in lower case, without their underscore."""
        return frozenset(name[1:].lower() for name in INPUT.findall(self.text)) - {"nonce"}

    def program(self, inputs: Mapping[str, Input]) -> "Program":
        """The program with its inputs, ready to be sent.

        Args:
            inputs: By name, in lower case, without the underscore. None is the empty string.
                A sequence becomes words, each quoted, for `eval`. Text may hold surrogate
                escapes, for bytes that are not UTF-8, but no NUL.

        Raises:
            TypeError: An input is missing from what is sent, or the program takes no such input.
        """
        nonce = secrets.token_hex(8)
        given = {f"_{name.upper()}": value for name, value in inputs.items()} | {"_NONCE": nonce}
        sent = self.minified({name for name, value in given.items() if not value and value != 0})
        missing = [name[1:].lower() for name in sent.inputs if name not in given]
        surplus = sorted(inputs.keys() - self.inputs)
        if missing or surplus:
            raise TypeError(
                f"the program {self.name!r} was not given {missing} and does not take {surplus}"
            )
        lines = [
            _HAND_OVER,
            _OPTIONS,
            f"unset {' '.join(sent.variables)}",
            *(assign(name, given[name]) for name in sent.inputs),
            f"main() {{\n{sent.text}}}",
            # Not as redirections of main: for those a shell keeps copies of the old files,
            # which a process in the background inherits, and the reply would wait for its end.
            "exec </dev/null 2>/dev/null; main; exit",
        ]
        return Program(self.name, "\n".join(lines) + "\n", nonce)

    def minified(self, empty: Set[str] = frozenset()) -> Minified:
        """What is sent where these inputs are empty."""
        left_out = self._switches & empty
        if left_out not in self._minified:
            self._minified[left_out] = minified(self.text, left_out)
        return self._minified[left_out]

    @cached_property
    def _switches(self) -> frozenset[str]:
        return switches(self.text)


@dataclass(frozen=True)
class Program:
    """One program, ready to be sent.

    Attributes:
        name: The `.sh` file that it is made from.
        text: What to feed to a shell.
        nonce: The mark that its reply carries.
    """

    name: str
    text: str = field(repr=False)
    nonce: str


def assign(name: str, value: Input) -> str:
    r"""A line of `sh` that gives a variable a value.

    >>> assign("_PATH", "it's")
    "_PATH='it'\\''s'"
    >>> assign("_ENV", ["A=1", "B=2 3"])
    "_ENV=''\\''A=1'\\'' '\\''B=2 3'\\'''"
    """
    if value is None:
        value = ""
    elif not isinstance(value, str | int):
        value = " ".join(map(quote, value))
    return f"{name}={quote(str(value))}"


def quote(text: str) -> str:
    r"""Text as one word of `sh`.

    >>> quote("it's")
    "'it'\\''s'"
    >>> quote("caf\udce9")
    '"$(printf \'\\143\\141\\146\\351\')"'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # A program travels as text, so bytes that are not UTF-8 are spelt out. `$(…)` trims
        # newlines at the end, so they follow it.
        body = text.rstrip("\n")
        octal = "".join(f"\\{byte:03o}" for byte in body.encode("utf-8", "surrogateescape"))
        return f"\"$(printf '{octal}')\"" + (quote(text[len(body) :]) if body != text else "")
    return "'" + text.replace("'", "'\\''") + "'"


def text_or_base64(data: bytes) -> tuple[str | None, str | None]:
    r"""The two inputs of `payload.sh`, one of which brings the bytes: as they are, if a shell can.

    >>> text_or_base64(b"it's\n"), text_or_base64(b"\0"), text_or_base64(b"\xff")
    (("it's\n", None), (None, 'AA=='), (None, '/w=='))
    """
    text = text_of(data)
    return (None, base64.b64encode(data).decode()) if text is None else (text, None)


def text_of(data: bytes) -> str | None:
    """The bytes as a shell can have them; None if it cannot."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _composed(root: str, path: PurePosixPath, seen: set[PurePosixPath]) -> str:
    """A file with those that it includes, each of them once."""
    seen.add(path)
    lines = []
    for line in files(root).joinpath(*path.parts).read_text("utf-8").splitlines():
        if include := _INCLUDE.match(line):
            part = PurePosixPath(posixpath.normpath(path.parent / include[1]))
            if part not in seen:
                lines.append(_composed(root, part, seen))
        elif code := _COMMENT.sub("", line):
            lines.append(code + "\n")
    return "".join(lines)
