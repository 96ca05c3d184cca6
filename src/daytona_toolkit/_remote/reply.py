"""A reply: reads what a program printed between two marks."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from daytona_toolkit._remote.program import Program
from daytona_toolkit.errors import SandboxFailedError

# How the reply to any request begins.
_ANY_START = re.compile(rb"^@[0-9a-f]{16}\{$", re.MULTILINE)


class LostReplyError(SandboxFailedError):
    """The reply of a program did not arrive; it may if the program is run again.

    It does not leave the workspace, which raises its base with the same words in the end.
    """


def cut_reply(name: str) -> LostReplyError:
    """The error that a program began its reply and did not end it, or that a stage was lost."""
    return LostReplyError(
        f"The sandbox did not finish the program {name!r}; it may have run out of processes or "
        "memory, or a command may have killed it. Stop what need not run there, and try again."
    )


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
        """The value of that name; 0 if it is not there.

        Raises:
            SandboxFailedError: It is no number.
        """
        value = self.values.get(name, "0")
        try:
            return int(value)
        except ValueError:
            raise SandboxFailedError(
                f"The sandbox answered {value!r} where the number {name!r} should be. Find out "
                "which of its tools fails, or what damages answers on the way from there."
            ) from None

    def text(self, name: str) -> str:
        """The bytes of that name as text; bytes that are not UTF-8 become surrogates."""
        return self.blobs.get(name, b"").decode("utf-8", "surrogateescape")


def parse(program: Program, printed: bytes) -> Reply:
    """Read the reply out of what a program printed.

    Raises:
        SandboxFailedError: There is no reply in it.
        LostReplyError: There is nothing in it; or the reply to another request, which a proxy may
            have mixed up; or the reply, or a part of it, has no end.
    """
    start, end = f"@{program.nonce}{{\n".encode(), f"\n@{program.nonce}}}".encode()
    _, found, rest = printed.partition(start)
    body, closed, _ = (b"\n" + rest).partition(end)
    if not found and _ANY_START.search(printed):
        raise LostReplyError(
            f"The answer that came for the program {program.name!r} belongs to another request. "
            "Check what is between here and the sandbox."
        )
    if not found:
        shown = printed[-500:].decode(errors="replace").strip()
        raise (SandboxFailedError if shown else LostReplyError)(
            f"The sandbox did not run the program {program.name!r}. Check that what is reached "
            f"there is sh. It printed: {shown or 'nothing'}"
        )
    if not closed:
        raise cut_reply(program.name)
    values: dict[str, str] = {}
    blobs: dict[str, bytes] = {}
    lines = iter(body.decode("ascii", "replace").split("\n"))
    for line in lines:
        name, kind = line[:-1], line[-1:]
        if kind == "<":
            try:
                blobs[name] = base64.b64decode("".join(_block(lines)))
            except binascii.Error:
                raise cut_reply(program.name) from None
        elif kind == "|":
            name, _, digits = name.partition(" ")
            size = int(digits) if digits.isdecimal() else -1
            plain = _plain(lines, size)
            if len(plain) != size:
                raise cut_reply(program.name)
            blobs[name] = plain.encode()
        elif line:
            key, _, value = line.partition(" ")
            values[key] = value
    return Reply(values, blobs)


def _block(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to one that is a dot."""
    return iter(lambda: next(lines, "."), ".")


def _plain(lines: Iterator[str], size: int) -> str:
    """A text of so many characters, which may have newlines; less where the lines end."""
    taken = [next(lines, "")]
    missing = size - len(taken[0])
    while missing > 0 and (line := next(lines, None)) is not None:
        taken.append(line)
        missing -= len(line) + 1
    return "\n".join(taken)
