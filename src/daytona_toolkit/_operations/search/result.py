"""What was found."""

from collections.abc import Iterable

from daytona_toolkit._entry import Entry
from daytona_toolkit._result import Outcome, Part, Result, SandboxPath
from daytona_toolkit._text import bracketed, on_one_line


class Listing(Result):
    """What `ls` and `glob` found, sorted by path.

    Attributes:
        path: The folder that was given, absolute.
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
        return f"{on_one_line(self.path)}{sign}{self.line}{sign}{self.text}"


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


def _found(lines: Iterable[str], result: Listing | GrepResult) -> str:
    shown = list(lines)
    notes = [] if shown else [f"nothing found in {result.path}"]
    if result.truncated:
        notes.append(f"only the first {len(shown):,} are shown; narrow the search")
    notes += result.notes
    return "".join(f"{line}\n" for line in shown) + bracketed(notes)
