"""Lines that were found."""

from daytona_toolkit._result import Outcome, Part, Result, SandboxPath
from daytona_toolkit._text import listed, on_one_line


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

    def text(self) -> str:
        """What a model is told: a line for each match."""
        lines = [match.shown() for match in self.matches]
        return listed(lines, self.path, self.notes, truncated=self.truncated)

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{len(self.matches):,} found")
