"""pydantic-ai-harness: its FileSystem and Shell over its DaytonaSandboxBackend."""

import re
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from daytona import AsyncDaytona
from pydantic_ai.workspaces import Workspace
from pydantic_ai_harness import FileSystem, Shell
from pydantic_ai_harness.daytona_sandbox import DaytonaSandboxBackend

from . import AsyncPeer, FailedError, Output


class PydanticAiHarness(AsyncPeer):
    def open(self, folder: str) -> None:
        self.client = AsyncDaytona()
        self.backend = DaytonaSandboxBackend(client=self.client, working_dir=folder)
        self.workspace = Workspace(self.backend)
        self.run(self.workspace.working_dir())
        self.files: Any = FileSystem(max_read_lines=2000).get_toolset()
        self.shell: Any = Shell().get_toolset()

    def close(self) -> None:
        self.run(self.run_close())

    async def run_close(self) -> None:
        await (await self.backend.get_sandbox()).delete()
        await self.backend.aclose()
        await self.client.close()

    def call(self, name: str, *arguments: Any, **options: Any) -> str:
        tool = getattr(self.files, name)
        return str(self.run(tool(*arguments, **options, workspace=self.workspace)))

    def in_shell(self, name: str, argument: str) -> str:
        """Call a tool of the shell, with all that it needs of a run."""
        ctx = SimpleNamespace(
            workspace=self.workspace, run_id="run", tool_call_id=uuid4().hex, emit=emit
        )
        return str(self.run(getattr(self.shell, name)(ctx, argument)))

    def exec(self, command: str) -> Output:
        answer = self.in_shell("run_command", command)
        failed = re.search(r"\n\[exit code: (\d+)\]$", answer)
        text = answer[: failed.start()] if failed else answer
        return Output(text, int(failed[1]) if failed else 0)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return self.call("read_file", path, offset=offset - 1, limit=limit)

    def write(self, path: str, content: str) -> None:
        self.call("write_file", path, content)

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        self.call("edit_file", path, old, new)

    def ls(self, folder: str) -> list[str]:
        return self.call("list_directory", folder).splitlines()

    def glob(self, folder: str, name: str) -> list[str]:
        return self.call("find_files", f"**/{name}", path=folder).splitlines()

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        answer = self.call("search_files", text, path=folder)
        return [(path, int(line)) for path, line in re.findall(r"^(.+?):(\d+):", answer, re.M)]

    def background(self, command: str) -> str:
        answer = self.in_shell("start_command", command)
        found = re.search(r"^ID: (\w+)", answer, re.MULTILINE)
        if not found:
            raise FailedError(answer)
        return found[1]

    def kill(self, job: str) -> None:
        self.in_shell("stop_command", job)


async def emit(event: Any) -> None:
    """Nobody listens."""


PEER = PydanticAiHarness
