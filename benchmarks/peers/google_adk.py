"""google-adk: the tools of its EnvironmentToolset over its DaytonaEnvironment."""

from typing import Any

from google.adk.integrations.daytona import DaytonaEnvironment
from google.adk.tools.environment import EnvironmentToolset

from . import AsyncBase, FailedError, Output, tool


class Peer(AsyncBase):
    def open(self, folder: str) -> None:
        environment = DaytonaEnvironment()
        self.run(environment.initialize())
        tools = self.run(EnvironmentToolset(environment=environment).get_tools())
        self.tools = {tool.name: tool for tool in tools}

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        found = self.tools[tool].run_async(args=arguments, tool_context=None)
        answer: dict[str, Any] = self.run(found)
        if "error" in answer:
            raise FailedError(answer["error"])
        return answer

    def exec(self, command: str) -> Output:
        answer = self.call("Execute", command=command)
        return Output(answer.get("stdout", ""), answer.get("exit_code", 0))

    def read(self, path: str, skip: int = 0, limit: int = 2000) -> str:
        lines = {"start_line": skip + 1, "end_line": skip + limit} if skip else {}
        return str(self.call("ReadFile", path=path, **lines)["content"])

    write = tool("WriteFile", "path", "content")
    edit = tool("EditFile", "path", "old_string", "new_string")
