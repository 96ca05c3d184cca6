"""pydantic-ai-backend: the tools of its console over its DaytonaWorkspaceBackend."""

import re
from types import SimpleNamespace
from typing import Any

from daytona import AsyncDaytona
from pydantic_ai.workspaces import Workspace
from pydantic_ai_backends import create_console_toolset
from pydantic_ai_backends.workspaces import DaytonaWorkspaceBackend

from . import AsyncPeer, FailedError, Output


class PydanticAiBackend(AsyncPeer):
    def open(self, folder: str) -> None:
        # Without a client of the caller's it would open one for each operation.
        self.client = AsyncDaytona()
        self.backend = DaytonaWorkspaceBackend(client=self.client)
        self.run(self.backend.working_dir())
        self.tools = create_console_toolset(require_execute_approval=False).tools
        # All that the tools need of a run.
        self.ctx = SimpleNamespace(workspace=Workspace(self.backend), retry=9, max_retries=1)

    def close(self) -> None:
        self.run(self.backend.purge())
        self.run(self.client.close())

    def call(self, tool: str, *arguments: Any, **options: Any) -> str:
        """Call a tool; errors come as text."""
        answer = str(self.run(self.tools[tool].function(self.ctx, *arguments, **options)))
        if answer.startswith("Error"):
            raise FailedError(answer)
        return answer

    def exec(self, command: str) -> Output:
        answer = self.call("execute", command)
        failed = re.match(r"Command failed \(exit code (\d+)\):\n", answer)
        return Output(answer[failed.end() :], int(failed[1])) if failed else Output(answer, 0)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return self.call("read_file", path, offset - 1, limit)

    def write(self, path: str, content: str) -> None:
        self.call("write_file", path, content)

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        self.call("edit_file", path, old, new)

    def ls(self, folder: str) -> list[str]:
        lines = self.call("ls", folder).splitlines()[1:]
        return [re.sub(r"/$| \(\d+ bytes\)$", "", line.strip()) for line in lines]

    def glob(self, folder: str, name: str) -> list[str]:
        return [line.strip() for line in self.call("glob", name, folder).splitlines()[1:]]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        answer = self.call("grep", text, folder, output_mode="content")
        found = re.findall(r"^  (.+?):(\d+): ", answer, re.MULTILINE)
        return [(path, int(line)) for path, line in found]


PEER = PydanticAiBackend
