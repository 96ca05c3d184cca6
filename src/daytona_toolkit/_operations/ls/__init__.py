"""ls: what a folder holds."""

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._remote import Source
from daytona_toolkit._search.listing import Listing, list_files
from daytona_toolkit._workspace import Workspace

_LS = Source(__name__, "ls")


async def ls(workspace: Workspace, path: AnyPath = ".", *, hidden: bool = True) -> Listing:
    """List a folder."""
    inputs = {"depth": 1, "hidden": "yes" if hidden else None}
    return await list_files(workspace, _LS, check_path(path), inputs)
