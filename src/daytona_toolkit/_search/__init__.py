"""What ls, glob and grep share: running a search, and notes on what could not be read."""

import re
from collections.abc import Callable, Iterator, Mapping

from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source
from daytona_toolkit._text import count_of, first_few, printable
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import SandboxFailedError

# Deeper than a path can be.
BOTTOMLESS = 10_000

# Bytes of error messages of tools that come back, the last of them.
_COMPLAINTS = 64_000
# Paths that a note names.
_NAMED = 3

_DENIED = re.compile(r"(?:\S*(?:find|grep): )?'?(?:\./)?(.*?)'?: Permission denied")


async def run_search(
    workspace: Workspace,
    source: Source,
    path: str,
    is_whole: Callable[[Reply], bool],
    inputs: Mapping[str, Input],
    subfolder: str = "",
) -> Reply:
    """Run a program that looks for files.

    Args:
        workspace: Where to look.
        source: The program.
        path: The folder or file, as the caller gave it.
        is_whole: Whether a reply shows that the program has been everywhere.
        inputs: What the program takes besides what all of them take.
        subfolder: A folder under the path that need not exist.

    Raises:
        SandboxFailedError: The sandbox has no find or no grep.
    """
    if workspace.facts.search_lacks:
        raise SandboxFailedError(
            f"Searching needs these commands, which the sandbox lacks: "
            f"{workspace.facts.search_lacks.strip()}. Install findutils and grep in its image."
        )
    common = {"path": workspace.resolve(path), "filter": None, "complaints": _COMPLAINTS}
    reply = await workspace.run(source, is_whole, wait=0.0, **{**common, **inputs})
    has_entered = "entered" in reply.values
    if reply.failure and not (has_entered and reply.failure in ("missing", "notdir")):
        raise refusal(reply, join(path, subfolder) if has_entered else path, workspace)
    return reply


def permission_notes(reply: Reply) -> Iterator[str]:
    """Notes on what could not be looked into, the same whichever tool complains."""
    complaints = reply.text("complaints").splitlines()
    denied = [found for line in complaints if (found := _DENIED.fullmatch(line))]
    names = sorted({printable(found[1]) for found in denied} - {"/"})
    if names:
        shown = first_few(names, _NAMED)
        yield f"no permission to read {count_of(len(names), 'path')}: {shown}"


def join(path: str, name: str) -> str:
    """A path that other operations take, given what the caller called its folder."""
    folder = path.rstrip("/")
    if folder == "." and not name.startswith("~"):  # which would mean the home folder
        return name
    return f"{folder}/{name}"
