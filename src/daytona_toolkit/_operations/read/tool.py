"""The tool `read`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool, read_only_tool
from daytona_toolkit.limits import MIB

_LINES = 1_000_000_000


class ReadArguments(Arguments):
    """Arguments of read."""

    file_path: str = Field(description="The file. Relative paths start at the workspace root.")
    offset: int = Field(
        default=1, ge=1, le=_LINES, description="The number of the first line to read, from 1."
    )
    limit: int = Field(
        default=0,
        ge=0,
        le=_LINES,
        description="How many lines to read; 0 for as many as one call returns.",
    )


async def _read(call: Call, arguments: ReadArguments) -> Result:
    result = await operations.read.read(
        call.workspace,
        arguments.file_path,
        offset=arguments.offset,
        limit=arguments.limit or None,
    )
    call.show(result.path, result.version)
    return result


_NUMBERED = (
    " Each line begins with its number and a bar, as in 12|text; these are not part of the file."
)


def _about_read(row: Tool) -> str:
    limits = row.limits
    return (
        "Read a text file, or look at a picture (PNG, JPEG, GIF, WebP of up to "
        f"{limits.image_bytes / MIB:g} MiB).{_NUMBERED if row.line_numbers else ''} One call "
        f"returns up to {limits.read_lines:,} lines or {limits.read_bytes:,} bytes, and gives the "
        f"offset of the next line; lines over {limits.line_chars:,} characters are clipped."
    )


READ = read_only_tool("read", "Read a file", _about_read, ReadArguments, _read)
