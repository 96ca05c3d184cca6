"""What was found."""

from collections.abc import Iterable
from typing import Literal

from daytona_toolkit._result import Outcome, Part, Result, SandboxPath
from daytona_toolkit._text import bracketed

_SIGNS = {"folder": "/", "symlink": "@", "other": "?"}


class Entry(Part):
    """One name in a folder.

    Attributes:
        path: The path, as other operations take it: it begins with the folder that was
            listed or searched, as the caller gave it.
        type: `file`, `folder`, `symlink` or `other`.
        size: Bytes.
        modified: Seconds since 1970.
    """

    path: SandboxPath
    type: Literal["file", "folder", "symlink", "other"]
    size: int
    modified: float

    def line(self) -> str:
        """The entry in a list."""
        if self.type == "file":
            return f"{_on_one_line(self.path)}  {self.size}"
        return _on_one_line(self.path) + _SIGNS[self.type]


class Listing(Result):
    """What `ls` and `glob` found, sorted by path.

    Attributes:
        path: The folder or file that was given, absolute.
        entries: At most `Limits.entries` of them.
        truncated: Whether there were more.
        notes: What could not be looked into, or where else to look.
    """

    path: SandboxPath
    entries: tuple[Entry, ...]
    truncated: bool = False
    notes: tuple[str, ...] = ()

    def text(self, *, line_numbers: bool = True) -> str:
        """What a model is told: a line for each entry."""
        return _found((each.line() for each in self.entries), self)

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{len(self.entries):,} found")


class Match(Part):
    """A line that grep found, or one around it.

    Attributes:
        path: The file, as other operations take it: it begins with the folder that was
            searched, as the caller gave it.
        line: Its number, from 1.
        text: The line, without what ends it; clipped if it is over `Limits.line_chars`.
        context: Whether it only surrounds a match.
    """

    path: SandboxPath
    line: int
    text: str
    context: bool = False

    def shown(self) -> str:
        """The match in a list, as `path:line:text`."""
        sign = "-" if self.context else ":"
        return f"{_on_one_line(self.path)}{sign}{self.line}{sign}{self.text}"


class GrepResult(Result):
    """What `grep` found, sorted by path and line.

    Attributes:
        path: The folder or file that was searched, absolute.
        matches: At most `Limits.entries` of them.
        truncated: Whether there were more.
        notes: What was skipped: binary files, files that cannot be read.
    """

    path: SandboxPath
    matches: tuple[Match, ...]
    truncated: bool = False
    notes: tuple[str, ...] = ()

    def text(self, *, line_numbers: bool = True) -> str:
        """What a model is told: a line for each match."""
        return _found((match.shown() for match in self.matches), self)

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{len(self.matches):,} found")


def _on_one_line(path: str) -> str:
    return repr(path) if "\n" in path else path


def _found(lines: Iterable[str], result: Listing | GrepResult) -> str:
    shown = list(lines)
    notes = [] if shown else [f"nothing found in {result.path}"]
    if result.truncated:
        notes.append(f"only the first {len(shown):,} are shown; narrow the search")
    notes += result.notes
    return "".join(f"{line}\n" for line in shown) + bracketed(notes)
