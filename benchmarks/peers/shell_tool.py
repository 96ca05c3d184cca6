"""LangChain's ShellToolMiddleware with its host execution: one shell, kept; not confined."""

import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from langchain.agents.middleware import HostExecutionPolicy, ShellToolMiddleware

from . import NotOfferedError, Output, Peer


class ShellTool(Peer):
    def open(self, folder: str) -> None:
        self.middleware: Any = ShellToolMiddleware(
            folder, execution_policy=HostExecutionPolicy(), env=dict(os.environ)
        )
        self.state: dict[str, Any] = {}
        self.middleware.before_agent(self.state, None)
        self.runtime = SimpleNamespace(state=self.state, tool_call_id="call")

    def close(self) -> None:
        self.middleware.after_agent(self.state, None)

    def exec(self, command: str) -> Output:
        message = self.middleware.tools[0].func(runtime=self.runtime, command=command)
        facts = message.artifact
        cut = facts["truncated_by_lines"] or facts["truncated_by_bytes"]
        return Output(message.content, facts["exit_code"], cut)

    def parallel(self, commands: Sequence[str]) -> list[Output]:
        raise NotOfferedError("one shell: calls run one after the other")


PEER = ShellTool
