"""The tool `glob`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool, read_only_tool


class GlobArguments(Arguments):
    """Arguments of glob."""

    pattern: str = Field(
        description="A pattern for paths below the folder, such as **/*.py or src/*.{js,ts}."
    )
    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace root."
    )


async def _glob(call: Call, arguments: GlobArguments) -> Result:
    return await operations.glob.glob(call.workspace, arguments.pattern, arguments.path)


def _about_glob(row: Tool) -> str:
    return (
        f"Find at most {row.limits.entries:,} files and folders by a pattern for their path: * "
        "matches any part of a name, ** any folders, {a,b} either. Names that begin with a dot are "
        "left out, unless the pattern spells the dot out. Folders end in /, symlinks in @; the "
        "number after a file is its size in bytes."
    )


GLOB = read_only_tool("glob", "Find files", _about_glob, GlobArguments, _glob)
