"""The programs that run inside the sandbox: how one is put together and its reply read.

The parts are the `.sh` files of this folder; each says what it takes. A program is fed to
whatever shell the sandbox has, on that shell's standard input, so it is one function that
is read to its end before it runs, with standard input taken away from what it starts.
"""

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from daytona_toolkit.errors import SandboxFailedError

# zsh and bash read a program from a pipe byte by byte (1 MB takes them 0.4 s), sh on most
# systems in blocks (0.01 s). They leave the rest of the pipe untouched, so sh takes over.
_HAND_OVER = "case ${ZSH_VERSION-}${BASH_VERSION-} in ?*) exec sh;; esac"

_INCLUDE = re.compile(r"^\. \./(\w+)\.sh$")


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


@dataclass(frozen=True)
class Reply:
    """What a program answered.

    Attributes:
        values: Its words, by name.
        blobs: Its bytes, by name.
    """

    values: Mapping[str, str]
    blobs: Mapping[str, bytes]

    @property
    def failure(self) -> str | None:
        """Why the operation was refused; None if it was done."""
        return self.values.get("fail")

    def number(self, name: str) -> int:
        """The value of that name, 0 if it is not there."""
        return int(self.values.get(name, 0))

    def text(self, name: str) -> str:
        """The bytes of that name as a path: any bytes, and back again."""
        return self.blobs.get(name, b"").decode("utf-8", "surrogateescape")


def program(
    name: str,
    inputs: Mapping[str, str | int | None],
    functions: Mapping[str, str] | None = None,
    *,
    confined: bool = False,
) -> Program:
    """Build a program.

    Args:
        name: The `.sh` file, without its ending.
        inputs: The variables that it takes, without their underscore, in lower case. None
            is the empty string. A str may hold surrogate escapes, for bytes that are not
            UTF-8, but no NUL.
        functions: Bodies of the functions that it takes.
        confined: Whether it stays within the session's root.
    """
    nonce = secrets.token_hex(8)
    settings = [assign(f"_{key.upper()}", value) for key, value in inputs.items()]
    bodies = [f"{key}() {{\n{body}\n}}" for key, body in (functions or {}).items()]
    lines = [
        _HAND_OVER,
        f"_NONCE={nonce}",
        *settings,
        *bodies,
        f"main() {{\n{_source(name, confined)}}}",
        # Not as redirections of main: for those a shell keeps copies of the old files, which
        # a process in the background inherits, and the reply would wait for its end.
        "exec </dev/null 2>/dev/null; main; exit",
    ]
    return Program(name, "\n".join(lines) + "\n", nonce)


def assign(name: str, value: str | int | None) -> str:
    r"""A line of sh that gives a variable a value.

    >>> assign("_PATH", "it's")
    "_PATH='it'\\\\''s'"
    """
    text = "" if value is None else str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # The program travels as text, so bytes that are not UTF-8 are spelt out. The dot
        # keeps newlines at the end from being trimmed.
        octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
        return f"{name}=$(printf '{octal}.'); {name}=${{{name}%.}}"
    return f"{name}='" + text.replace("'", "'\\''") + "'"


def parse(program: Program, printed: bytes) -> Reply:
    """Read the reply out of what a program printed.

    Raises:
        SandboxFailedError: There is no whole reply in it.
    """
    start, end = f"@{program.nonce}{{\n".encode(), f"\n@{program.nonce}}}".encode()
    _, found, rest = printed.partition(start)
    body, closed, _ = (b"\n" + rest).partition(end)
    if not (found and closed):
        shown = printed[-500:].decode(errors="replace").strip() or "nothing"
        raise SandboxFailedError(
            f"The sandbox did not run the program {program.name!r} to its end; it printed: {shown}"
        )
    values: dict[str, str] = {}
    blobs: dict[str, bytes] = {}
    lines = iter(body.decode("ascii", "replace").split("\n"))
    for line in lines:
        name, kind = line[:-1], line[-1:]
        if kind == "<":
            blobs[name] = base64.b64decode("".join(_block(lines)))
        elif kind == "|":
            plain = (f"{each[1:]}\n" if each[0] == ":" else each[1:] for each in _block(lines))
            blobs[name] = "".join(plain).encode()
        elif line:
            key, _, value = line.partition(" ")
            values[key] = value
    return Reply(values, blobs)


def _block(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to one that is a dot."""
    return iter(lambda: next(lines, "."), ".")


@cache
def _source(name: str, confined: bool) -> str:
    """A part with those that it includes, without comments and indentation."""
    lines = []
    for line in (files(__package__) / f"{name}.sh").read_text("utf-8").splitlines():
        line = line.strip()
        if include := _INCLUDE.match(line):
            part = "free" if include[1] == "confined" and not confined else include[1]
            lines.append(_source(part, confined))
        elif line and not line.startswith("#"):
            lines.append(line + "\n")
    return "".join(lines)
