"""pydantic-ai-harness: its FileSystem and Shell over its DaytonaSandboxBackend."""

import re
from typing import Any

from daytona import AsyncDaytona
from pydantic_ai_harness import FileSystem, Shell
from pydantic_ai_harness.daytona_sandbox import DaytonaSandboxBackend

from . import FailedError, tool
from .pydantic_ai import PydanticAi, hits, output


class Peer(PydanticAi):
    def open(self, folder: str) -> None:
        backend = DaytonaSandboxBackend(client=AsyncDaytona(), working_dir=folder)
        self.begin(backend, Shell().get_toolset())
        self.files = FileSystem(max_read_lines=2000).get_toolset()

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; those for files without the events of a run, which cost requests."""
        if tool in self.tools:
            return super().call(tool, **arguments)
        return str(self.run(getattr(self.files, tool)(**arguments, workspace=self.workspace)))

    exec = tool("run_command", "command", then=output(r"\n\[exit code: (\d+)\]$"))
    read = tool("read_file", "path", "offset", "limit")
    write = tool("write_file", "path", "content")
    edit = tool("edit_file", "path", "old_text", "new_text")
    ls = tool("list_directory", "path", then=str.splitlines)
    grep = tool("search_files", "path", "pattern", then=hits)
    kill = tool("stop_command", "command_id")

    def glob(self, folder: str, name: str) -> list[str]:
        return self.call("find_files", path=folder, pattern=f"**/{name}").splitlines()

    def background(self, command: str) -> str:
        answer = self.call("start_command", command=command)
        found = re.search(r"^ID: (\w+)", answer, re.MULTILINE)
        if not found:
            raise FailedError(answer)
        return found[1]
