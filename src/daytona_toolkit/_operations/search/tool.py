"""The tools `ls`, `glob` and `grep`."""

from functools import partial

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Call, ReadOnlyArguments, Tool
from daytona_toolkit.limits import Limits

_CONTEXT = 20


class LsArguments(ReadOnlyArguments):
    """Arguments of ls."""

    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace root."
    )


class GlobArguments(ReadOnlyArguments):
    """Arguments of glob."""

    pattern: str = Field(
        description="A pattern for paths below the folder, such as **/*.py or src/*.{js,ts}."
    )
    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace root."
    )


class GrepArguments(ReadOnlyArguments):
    """Arguments of grep."""

    pattern: str = Field(description="An extended regular expression, found within a line.")
    path: str = Field(
        default=".",
        description="The folder or file. Relative paths start at the workspace root.",
    )
    glob: str = Field(default="", description="Search only files that match, such as *.py.")
    fixed: bool = Field(
        default=False, description="Take the pattern as plain text, not as a regular expression."
    )
    ignore_case: bool = Field(default=False, description="Let letters match in either case.")
    context: int = Field(
        default=0,
        ge=0,
        le=_CONTEXT,
        description="How many lines to show before and after each match.",
    )


async def _ls(call: Call, arguments: LsArguments) -> Result:
    return await operations.search.ls(call.workspace, arguments.path)


async def _glob(call: Call, arguments: GlobArguments) -> Result:
    return await operations.search.glob(call.workspace, arguments.pattern, arguments.path)


async def _grep(call: Call, arguments: GrepArguments) -> Result:
    return await operations.search.grep(
        call.workspace,
        arguments.pattern,
        arguments.path,
        glob=arguments.glob or None,
        fixed=arguments.fixed,
        ignore_case=arguments.ignore_case,
        context=arguments.context,
    )


def _about_ls(limits: Limits) -> str:
    return (
        f"List a folder: at most {limits.entries:,} entries. Folders end in /, symlinks in @; the "
        "number after a file is its size in bytes."
    )


def _about_glob(limits: Limits) -> str:
    return (
        f"Find at most {limits.entries:,} files and folders by a pattern for their path: * matches "
        "any part of a name, ** any folders, {a,b} either. Names that begin with a dot are left "
        "out, unless the pattern spells the dot out. Folders end in /, symlinks in @; the number "
        "after a file is its size in bytes."
    )


def _about_grep(limits: Limits) -> str:
    return (
        f"Find at most {limits.entries:,} lines in the text files of a folder and all below it, or "
        "in one file. Returns path:number:line for each match, and path-number-line for lines "
        "around it. Files and folders whose names begin with a dot are left out, unless they are "
        "the path."
    )


_look = partial(Tool, read_only=True, destructive=False, idempotent=True)

LS = _look("ls", "List a folder", _about_ls, LsArguments, _ls)
GLOB = _look("glob", "Find files", _about_glob, GlobArguments, _glob)
GREP = _look("grep", "Search in files", _about_grep, GrepArguments, _grep)
