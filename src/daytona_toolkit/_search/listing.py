"""Lists of files and folders, which ls and glob return."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from daytona_toolkit._entry import Entry, entries_of
from daytona_toolkit._remote import Input, Reply, Source
from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._search import join, permission_notes, run_search
from daytona_toolkit._text import listed
from daytona_toolkit._workspace import Workspace

# What follows the last entry: it proves that the program has been everywhere.
_LAST = re.compile(rb"(?:^|[\0\n])/(?:\0|//)")


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
    _without: ClassVar[Any] = {"entries": {"__all__": {"version"}}}

    def text(self) -> str:
        """What a model is told: a line for each entry."""
        lines = [entry.line() for entry in self.entries]
        return listed(lines, self.path, self.notes, truncated=self.truncated)

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{len(self.entries):,} found")


async def list_files(
    workspace: Workspace,
    source: Source,
    path: str,
    inputs: Mapping[str, Input],
    subfolder: str = "",
) -> Listing:
    """Run a program that lists files.

    Args:
        workspace: Where they are.
        source: The program; it includes `listing.sh`.
        path: The folder, as the caller gave it.
        inputs: What the program takes besides what all of them take.
        subfolder: A folder under the path, which need not exist, that the entries are in.
    """
    bound = workspace.limits.entries
    folder = join(path, subfolder) if subfolder else path
    entries: list[Entry] = []
    is_cut = False

    def is_whole(reply: Reply) -> bool:
        nonlocal entries, is_cut
        if "entries" not in reply.blobs:
            return "entered" in reply.values  # there is no such folder
        entries = entries_of(reply, partial(join, folder))
        is_cut = not _LAST.search(reply.blobs["entries"])
        return not is_cut or len(entries) > bound

    reply = await run_search(
        workspace, source, path, is_whole, {**inputs, "entries": bound}, subfolder
    )
    return Listing(
        path=workspace.resolve(path),
        entries=tuple(entries[:bound]),
        truncated=is_cut,
        notes=tuple(permission_notes(reply)),
    )
