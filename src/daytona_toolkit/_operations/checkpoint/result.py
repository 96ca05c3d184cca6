"""Checkpoints, and what has changed since one."""

from datetime import datetime

from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import count_of


class Checkpoint(Result):
    """The files under the root, as they were at some time.

    Attributes:
        id: Its name, for `restore` and `diff`.
        label: What its maker called it.
        created: When it was made, by the sandbox's clock.
        files: How many files and symlinks it has.
        include_ignored: Whether files that a `.gitignore` ignores are in it.
    """

    id: str
    label: str
    created: datetime
    files: int
    include_ignored: bool = False

    def text(self) -> str:
        """What a model is told."""
        label = f" {self.label!r}" if self.label else ""
        return f"Checkpoint {self.id}{label}: {count_of(self.files, 'file')}."

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, count_of(self.files, "file"))


class Diff(Result):
    """What has changed since a checkpoint; as text, it is the patch.

    Attributes:
        since: The checkpoint.
        patch: A patch that `git apply` takes; empty if nothing has changed. Bytes that are not
            UTF-8 are surrogates: `patch.encode("utf-8", "surrogateescape")` has them back.
        paths: The files that have changed, relative to the root.
    """

    since: str
    patch: SandboxPath
    paths: tuple[SandboxPath, ...] = ()

    def __str__(self) -> str:
        return self.patch

    def text(self) -> str:
        """What a model is told."""
        return self.patch or f"Nothing has changed since checkpoint {self.since}."

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{count_of(len(self.paths), 'file')} changed")
