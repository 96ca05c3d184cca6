"""The tool `ls`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool, read_only_tool


class LsArguments(Arguments):
    """Arguments of ls."""

    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace root."
    )


async def _ls(call: Call, arguments: LsArguments) -> Result:
    return await operations.ls.ls(call.workspace, arguments.path)


def _about_ls(row: Tool) -> str:
    return (
        f"List a folder: at most {row.limits.entries:,} entries. Folders end in /, symlinks in @; "
        "the number after a file is its size in bytes."
    )


LS = read_only_tool("ls", "List a folder", _about_ls, LsArguments, _ls)
