"""pydantic-ai-backend: the tools of its console over its DaytonaWorkspaceBackend."""

import re
from typing import Any

from daytona import AsyncDaytona
from pydantic_ai_backends import create_console_toolset
from pydantic_ai_backends.workspaces import DaytonaWorkspaceBackend

from . import FailedError, tool
from .pydantic_ai import PydanticAi, hits, output


class Peer(PydanticAi):
    def open(self, folder: str) -> None:
        # Without a client of the caller's it would open one for each operation.
        backend = DaytonaWorkspaceBackend(client=AsyncDaytona())
        self.begin(backend, create_console_toolset(require_execute_approval=False))

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; errors come as text."""
        answer = super().call(tool, **arguments)
        if answer.startswith("Error"):
            raise FailedError(answer)
        return answer

    exec = tool("execute", "command", then=output(r"^Command failed \(exit code (\d+)\):\n"))
    read = tool("read_file", "path", "offset", "limit")
    write = tool("write_file", "path", "content")
    edit = tool("edit_file", "path", "old_string", "new_string")

    def ls(self, folder: str) -> list[str]:
        lines = self.call("ls", path=folder).splitlines()[1:]
        return [re.sub(r"/$| \(\d+ bytes\)$", "", line.strip()) for line in lines]

    def glob(self, folder: str, name: str) -> list[str]:
        lines = self.call("glob", path=folder, pattern=name).splitlines()[1:]
        return [line.strip() for line in lines]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        return hits(self.call("grep", path=folder, pattern=text, output_mode="content"))
