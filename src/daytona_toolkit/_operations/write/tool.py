"""The tool `write`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool
from daytona_toolkit.errors import FileChangedError


class WriteArguments(Arguments):
    """Arguments of write."""

    file_path: str = Field(description="The file. Relative paths start at the workspace root.")
    content: str = Field(description="The whole new content, as text.")
    overwrite: bool = Field(
        default=False,
        description="Replace the file even if you have not read it, or it has changed since.",
    )

    def question(self) -> str:
        """The file, and its new content."""
        where = f"{self.file_path}, whatever it is now" if self.overwrite else self.file_path
        return f"{where}\n{self.content}"


async def _write(call: Call, arguments: WriteArguments) -> Result:
    path = arguments.file_path
    full = call.workspace.resolve(path)
    seen = call.known(full)
    try:
        result = await operations.write.write(
            call.workspace,
            path,
            arguments.content,
            if_version=None if arguments.overwrite else seen or "",
        )
    except FileChangedError:
        if seen:
            raise
        raise FileChangedError(
            f"{path!r} exists, and you have not read it. Nothing was written. Read it first, or "
            "pass overwrite=true to replace it as it is.",
            path,
        ) from None
    call.show(full, result.version)
    return result


_ABOUT = (
    "Write a whole text file. Missing parent folders are made. An existing file is replaced "
    "only if it has not changed since you last read it: read it first, or pass "
    "overwrite=true. To change a part of a file, use edit."
)

WRITE = Tool("write", "Write a file", _ABOUT, WriteArguments, _write, idempotent=True)
