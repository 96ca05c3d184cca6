"""A patch that was applied."""

from typing import Any, ClassVar, Literal

from daytona_toolkit._diff import DATA_CHARS, cut_diff
from daytona_toolkit._result import Outcome, Part, Result, SandboxPath
from daytona_toolkit._text import count_of


class PatchedFile(Part):
    """What a patch did to one file.

    Attributes:
        path: The file, absolute; where it is now if it was moved.
        change: What was done.
        moved_from: Where a moved file was.
        diff: A unified diff of an updated or moved file.
        version: A mark of the state of the file, for `write(..., if_version=)`.
        replaced: The version that the patch replaced.
    """

    path: SandboxPath
    change: Literal["added", "updated", "moved", "deleted"]
    moved_from: SandboxPath = ""
    diff: SandboxPath = ""
    version: str = ""
    replaced: str = ""


class PatchResult(Result):
    """A patch that was applied, whole.

    Attributes:
        files: What became of each file, in the order of the patch.
    """

    files: tuple[PatchedFile, ...]
    _without: ClassVar[Any] = {"files": {"__all__": {"version", "replaced"}}}

    def text(self) -> str:
        """What a model is told: each file, and the diffs."""
        lines = [f"Applied the patch to {count_of(len(self.files), 'file')}."]
        for each in self.files:
            origin = f"{each.moved_from} to " if each.moved_from else ""
            lines.append(f"{each.change.capitalize()} {origin}{each.path}")
        diff = cut_diff("".join(each.diff for each in self.files))
        return "\n".join([*lines, diff]).removesuffix("\n")

    def data(self) -> dict[str, Any]:
        """The same for programs, with the starts of diffs that are very long together."""
        data = super().data()
        for file in data["files"]:
            file["diff"] = cut_diff(file["diff"], DATA_CHARS // len(self.files))
        return data

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, count_of(len(self.files), "file"))
