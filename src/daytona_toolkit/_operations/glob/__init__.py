"""glob: files and folders whose path matches a pattern."""

from daytona_toolkit._arguments import AnyPath, check_encodable, check_path
from daytona_toolkit._remote import Input, Source
from daytona_toolkit._search import BOTTOMLESS, compiled
from daytona_toolkit._search.globs import compile_glob
from daytona_toolkit._search.listing import Listing, list_files
from daytona_toolkit._workspace import Workspace

_GLOB = Source(__name__, "glob")


async def glob(
    workspace: Workspace, pattern: str, path: AnyPath = ".", *, hidden: bool = False
) -> Listing:
    """Find paths by a pattern."""
    path = check_path(path)
    check_encodable(pattern, "pattern")
    if pattern == "~" or pattern.startswith("~/"):
        pattern = workspace.facts.home + pattern[1:]
    wanted = await compiled(compile_glob, pattern, hidden=hidden)
    subfolder = wanted.start
    if pattern.startswith("/"):
        path, subfolder = subfolder, ""
    inputs: dict[str, Input] = {
        "subfolder": subfolder,
        "filter": wanted.filter,
        "depth": wanted.depth or BOTTOMLESS,
        "hidden": "yes" if wanted.hidden else None,
        "type": "d" if wanted.folders else None,
    }
    found = await list_files(workspace, _GLOB, path, inputs, subfolder)
    if not found.entries and not found.notes and "/" not in pattern and "**" not in pattern:
        hint = f"subfolders were not searched; use the pattern `**/{pattern}` to search them"
        return found.model_copy(update={"notes": (hint,)})
    return found
