"""The tool `apply_patch`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool


class ApplyPatchArguments(Arguments):
    """Arguments of apply_patch."""

    patch: str = Field(description="The patch, from '*** Begin Patch' to '*** End Patch'.")

    def target(self) -> str:
        """See Arguments."""
        return operations.patch.files_of(self.patch)


async def _apply_patch(call: Call, arguments: ApplyPatchArguments) -> Result:
    result = await operations.patch.apply_patch(call.workspace, arguments.patch)
    for each in result.files:
        # As in edit, the agent must have read what was there before. It has written all of a new
        # file.
        known = each.replaced and call.known(each.moved_from or each.path) == each.replaced
        if known or each.change == "added":
            call.show(each.path, each.version)
    return result


_ABOUT = (
    "Change several files at once: all of the patch is applied, or nothing. Each line of a "
    "hunk begins with a space (unchanged), - (removed) or + (added). The unchanged and "
    "removed lines must match the file exactly, in one place. An @@ line, such as the first "
    "line of a function, names a line above that place. Add and Move need a path where "
    "nothing exists. The format:\n"
    "*** Begin Patch\n"
    "*** Update File: app.py\n"
    "*** Move to: main.py (optional)\n"
    "@@ def greet():\n"
    "     name = ask()\n"
    '-    print("Hi")\n'
    '+    print("Hello", name)\n'
    "*** Add File: notes.txt\n"
    "+first line\n"
    "*** Delete File: old.txt\n"
    "*** End Patch\n"
    "A hunk at the end of a file may close with the line *** End of File."
)

APPLY_PATCH = Tool("apply_patch", "Apply a patch", _ABOUT, ApplyPatchArguments, _apply_patch)
