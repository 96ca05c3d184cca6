"""ls: what a folder holds."""

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._remote import Source
from daytona_toolkit._search.listing import Listing, list_files
from daytona_toolkit._workspace import Workspace

_LS = Source(__name__, "ls")


async def ls(workspace: Workspace, path: AnyPath = ".", *, hidden: bool = True) -> Listing:
    """List a folder, sorted by name.

    Args:
        path: The folder.
        hidden: Whether to list names that begin with a dot.

    Returns:
        Its entries, at most `Limits.entries`.

    Raises:
        PathNotFoundError: There is no such folder.
        NotAFolderError: It is a file.
        PathDeniedError: It may not be read.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        print([entry.path for entry in session.ls("src").entries])
        ```
    """
    inputs = {"depth": 1, "hidden": "yes" if hidden else None}
    return await list_files(workspace, _LS, check_path(path), inputs)
