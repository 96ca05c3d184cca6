"""The tool `grep`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool, read_only_tool

_CONTEXT = 20


class GrepArguments(Arguments):
    """Arguments of grep."""

    pattern: str = Field(
        description="An extended regular expression, found within a line. \\d \\w \\s \\b work; "
        "look-around, (?i) and back references do not."
    )
    path: str = Field(
        default=".",
        description="The folder or file. Relative paths start at the workspace root.",
    )
    glob: str = Field(default="", description="Search only files that match, such as *.py.")
    fixed: bool = Field(
        default=False, description="Take the pattern as plain text, not as a regular expression."
    )
    ignore_case: bool = Field(default=False, description="Ignore upper and lower case.")
    context: int = Field(
        default=0,
        ge=0,
        le=_CONTEXT,
        description="How many lines to show before and after each match.",
    )


async def _grep(call: Call, arguments: GrepArguments) -> Result:
    return await operations.grep.grep(
        call.workspace,
        arguments.pattern,
        arguments.path,
        glob=arguments.glob or None,
        fixed=arguments.fixed,
        ignore_case=arguments.ignore_case,
        context=arguments.context,
    )


def _about_grep(row: Tool) -> str:
    return (
        f"Find at most {row.limits.entries:,} lines in the text files of a folder and all below "
        "it, or in one file. Returns path:number:line for each match, and path-number-line for "
        "lines around it. Files and folders whose names begin with a dot are left out, unless they "
        "are the path."
    )


GREP = read_only_tool("grep", "Search in files", _about_grep, GrepArguments, _grep)
