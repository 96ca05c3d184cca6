"""google-adk: the tools of its EnvironmentToolset over its DaytonaEnvironment."""

from typing import Any

from google.adk.integrations.daytona import DaytonaEnvironment
from google.adk.tools.environment import EnvironmentToolset

from . import AsyncPeer, FailedError, Output


class GoogleAdk(AsyncPeer):
    def open(self, folder: str) -> None:
        self.environment = DaytonaEnvironment()
        self.run(self.environment.initialize())
        tools = self.run(EnvironmentToolset(environment=self.environment).get_tools())
        self.tools = {tool.name: tool for tool in tools}

    def close(self) -> None:
        self.run(self.environment.close())

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        found = self.tools[tool].run_async(args=arguments, tool_context=None)
        answer: dict[str, Any] = self.run(found)
        if "error" in answer:
            raise FailedError(answer["error"])
        return answer

    def exec(self, command: str) -> Output:
        answer = self.call("Execute", command=command)
        return Output(answer.get("stdout", ""), answer.get("exit_code", 0))

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        lines = {"start_line": offset, "end_line": offset + limit - 1} if offset > 1 else {}
        return str(self.call("ReadFile", path=path, **lines)["content"])

    def write(self, path: str, content: str) -> None:
        self.call("WriteFile", path=path, content=content)

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        self.call("EditFile", path=path, old_string=old, new_string=new)


PEER = GoogleAdk
