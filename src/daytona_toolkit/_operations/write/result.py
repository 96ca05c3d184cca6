"""A file that was written."""

from typing import Any, ClassVar

from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import count_of


class WriteResult(Result):
    """A file that was written.

    Attributes:
        path: The file, absolute.
        size: Bytes.
        created: Whether it is new.
        version: A mark of the state of the file, for `write(..., if_version=)`.
    """

    path: SandboxPath
    size: int
    created: bool
    version: str = ""
    _without: ClassVar[Any] = {"version"}

    def text(self) -> str:
        """What a model is told."""
        what = "Created" if self.created else "Replaced the content of"
        return f"{what} {self.path}: {count_of(self.size, 'byte')}."

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, count_of(self.size, "byte"))
