"""Files that were moved."""

from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import bracketed, count_of


class TransferResult(Result):
    """Files that were moved between the host and the sandbox.

    Attributes:
        path: The file or folder in the sandbox, absolute.
        files: Files that were moved.
        bytes: Bytes of these.
        skipped: Files that were there already, with the same content.
        notes: What was left out, and why.
    """

    path: SandboxPath
    files: int = 0
    bytes: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """What a model is told."""
        known = f", {self.skipped:,} there already" if self.skipped else ""
        moved = f"{count_of(self.files, 'file')} moved{known}: {self.path} in the sandbox."
        return "\n".join(filter(None, [moved, bracketed(self.notes)]))

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{count_of(self.files, 'file')} moved")
