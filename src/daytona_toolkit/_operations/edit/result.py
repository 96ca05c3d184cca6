"""An edit that was made."""

from typing import Any, ClassVar

from daytona_toolkit._diff import DATA_CHARS, cut_diff
from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import count_of


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

    def text(self) -> str:
        """What a model is told: how many places, and the diff."""
        places = count_of(self.occurrences, "place")
        return f"Replaced {places} in {self.path}.\n{cut_diff(self.diff)}".removesuffix("\n")

    def data(self) -> dict[str, Any]:
        """The same for programs, with the start of a diff that is very long."""
        return super().data() | {"diff": cut_diff(self.diff, DATA_CHARS)}

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, count_of(self.occurrences, "place"))
