"""An edit that was made."""

from typing import Any, ClassVar

from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import count_of

# Characters of a diff that are shown: the model that made the edit knows what is in it.
_DIFF_CHARS = 4000

# Characters of diffs that programs get beside an answer, which frameworks keep in histories.
DATA_CHARS = 100_000


class EditResult(Result):
    """An edit that was made.

    Attributes:
        path: The file, absolute.
        occurrences: How many places were replaced.
        diff: A unified diff with line numbers.
        version: A mark of the state of the file, for `write(..., if_version=)`.
        replaced: The version that the edit replaced.
    """

    path: SandboxPath
    occurrences: int
    diff: SandboxPath
    version: str = ""
    replaced: str = ""
    _without: ClassVar[Any] = {"version", "replaced"}

    def text(self, *, line_numbers: bool = True) -> str:
        """What a model is told: how many places, and the diff."""
        places = count_of(self.occurrences, "place")
        return f"Replaced {places} in {self.path}.\n{cut_diff(self.diff)}".removesuffix("\n")

    def data(self) -> dict[str, Any]:
        """The same for programs, with the start of a diff that is very long."""
        return super().data() | {"diff": cut_diff(self.diff, DATA_CHARS)}

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, count_of(self.occurrences, "place"))


def cut_diff(diff: str, limit: int = _DIFF_CHARS) -> str:
    """The start of a diff that is long."""
    if len(diff) <= limit:
        return diff
    shown = diff[: diff.rfind("\n", 0, limit) + 1]
    return f"{shown}[{count_of(diff.count(chr(10), len(shown)), 'more line')} of diff]"
