"""The filesystem capability of the OpenAI Agents SDK, with patches that lose nothing."""

from typing import Any

from agents import ApplyPatchOperation, Tool
from agents.sandbox.capabilities import Filesystem
from agents.sandbox.capabilities.tools import SandboxApplyPatchTool
from agents.tool_context import ToolContext

from daytona_toolkit.tools import choose
from openai_agents_daytona_toolkit.sandbox import DaytonaSandboxSession


class DaytonaFilesystem(Filesystem):
    """The SDK's `Filesystem` over a `DaytonaSandboxSession`, with our `apply_patch`.

    The SDK's own reads a file, changes it here and writes it back, so a change that somebody
    else makes meanwhile is lost, and of several files some may be changed and others not. With
    this one a patch is compared and swapped in the sandbox: all of it, or nothing.

    Example:
        ```python
        agent = SandboxAgent("coder", capabilities=[DaytonaFilesystem(), Shell()])
        ```
    """

    def tools(self) -> list[Tool]:
        """See `Filesystem`; what `configure_tools` put in the place of its tools stays."""
        return [
            _WholePatches(tool) if type(tool) is SandboxApplyPatchTool else tool
            for tool in super().tools()
        ]


class _WholePatches(SandboxApplyPatchTool):
    """The SDK's tool, in whose place it stands, but for what a patch does."""

    def __init__(self, given: SandboxApplyPatchTool) -> None:
        super().__init__(
            session=given.session,
            user=given.editor.user,
            needs_approval=given.needs_approval,
            on_approval=given.on_approval,
            workspace_scope=given.workspace_scope,
        )
        self._row = choose(["apply_patch"])["apply_patch"]

    async def _on_invoke_tool(self, ctx: ToolContext[Any], raw_input: str) -> str:
        session = getattr(self.session, "_inner", self.session)  # the SDK wraps what it makes
        if not isinstance(session, DaytonaSandboxSession):
            raise TypeError("DaytonaFilesystem works over a DaytonaSandboxSession alone.")
        patch = "".join(map(_section, self._parse_and_normalize_input(raw_input)))
        patch = f"*** Begin Patch\n{patch}*** End Patch"
        return (await self._row.arun(session.session, {"patch": patch})).text


def _section(operation: ApplyPatchOperation) -> str:
    """An operation in the words of a patch."""
    header = {"create_file": "Add", "update_file": "Update", "delete_file": "Delete"}
    lines = [f"*** {header[operation.type]} File: {operation.path}"]
    if operation.move_to:
        lines.append(f"*** Move to: {operation.move_to}")
    if operation.diff:
        lines.append(operation.diff.removesuffix("\n"))
    return "\n".join(lines) + "\n"
