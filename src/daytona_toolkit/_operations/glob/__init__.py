"""glob: files and folders whose path matches a pattern."""

from daytona_toolkit._arguments import AnyPath, check_encodable, check_path
from daytona_toolkit._remote import Input, Source
from daytona_toolkit._search import BOTTOMLESS
from daytona_toolkit._search.globs import compile_glob
from daytona_toolkit._search.listing import Listing, list_files
from daytona_toolkit._workers import in_thread
from daytona_toolkit._workspace import Workspace

_GLOB = Source(__name__, "glob")


async def glob(
    workspace: Workspace, pattern: str, path: AnyPath = ".", *, hidden: bool = False
) -> Listing:
    """Find files, folders and symlinks by a pattern, sorted by path.

    In a pattern `*` and `?` stand for characters of one name, `[a-z]` for one of these,
    `**` as a part of its own for any number of folders, `{a,b}` for either; a backslash
    takes the meaning from them. A pattern that ends with a slash finds folders only.
    Symlinks to folders are found, but not looked into unless the pattern begins with
    them.

    Args:
        pattern: The pattern; an absolute one makes `path` meaningless.
        path: The folder that it starts from.
        hidden: Whether wildcards find names that begin with a dot, and look into such
            folders. A pattern that spells the dot out always does.

    Returns:
        What matches, at most `Limits.entries`.

    Raises:
        SearchPatternError: The pattern asks for what cannot be matched.
        PathNotFoundError: There is no such folder.
        NotAFolderError: It is a file.
        PathDeniedError: It may not be read.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        for entry in session.glob("src/**/*.{js,ts}").entries:
            print(entry.path, entry.size)
        ```
    """
    path = check_path(path)
    check_encodable(pattern, "pattern")
    if pattern == "~" or pattern.startswith("~/"):
        pattern = workspace.facts.home + pattern[1:]
    wanted = await in_thread(compile_glob, pattern, hidden=hidden)
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
