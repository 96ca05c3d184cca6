"""The tool `edit`."""

from itertools import takewhile

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool


class EditArguments(Arguments):
    """Arguments of edit."""

    file_path: str = Field(description="The file. Relative paths start at the workspace root.")
    old_string: str = Field(
        description="The text to replace, exactly as it is in the file, without line numbers."
    )
    new_string: str = Field(description="The text to put in its place; may be empty.")
    replace_all: bool = Field(
        default=False,
        description="Replace every occurrence; otherwise there must be exactly one.",
    )

    def question(self) -> str:
        """The edit as a diff, without line numbers: the file was not read yet."""
        old, new = self.old_string.splitlines(), self.new_string.splitlines()
        before = _common(old, new)
        old, new = old[len(before) :], new[len(before) :]
        after = _common(old[::-1], new[::-1])[::-1]
        old, new = old[: len(old) - len(after)], new[: len(new) - len(after)]
        where = f"every occurrence in {self.file_path}" if self.replace_all else self.file_path
        signed = ((" ", before), ("-", old), ("+", new), (" ", after))
        return "\n".join([where, *(f"{sign} {line}" for sign, lines in signed for line in lines)])


def _common(one: list[str], other: list[str]) -> list[str]:
    """The lines that both begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return [line for line, _ in pairs]


async def _edit(call: Call, arguments: EditArguments) -> Result:
    result = await operations.edit.edit(
        call.workspace,
        arguments.file_path,
        arguments.old_string,
        arguments.new_string,
        replace_all=arguments.replace_all,
    )
    # An agent that edits the version it has read knows the new one. If somebody else changed the
    # file in between, it does not.
    if call.known(result.path) == result.replaced:
        call.show(result.path, result.version)
    return result


_ABOUT = (
    "Replace a text in a file; the rest of the file stays as it is. old_string must match the "
    "file exactly, including whitespace and indentation, and occur only once: add lines "
    "around it to make it unique, or set replace_all. Write line endings as \\n, whatever "
    "the file uses. Returns the change as a diff."
)

EDIT = Tool("edit", "Edit a file", _ABOUT, EditArguments, _edit)
