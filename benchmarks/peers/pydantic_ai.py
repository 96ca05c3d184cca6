"""What toolsets of Pydantic AI have in common: tools that answer with text."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from pydantic_ai.workspaces import Workspace

from . import AsyncBase, Output


class PydanticAi(AsyncBase):
    def begin(self, backend: Any, toolset: Any) -> None:
        """Get the sandbox of a backend, and the tools of a toolset."""
        self.workspace = Workspace(backend)
        self.run(self.workspace.working_dir())
        self.tools = toolset.tools

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool, with all that it needs of a run."""
        known = {"tool_call_id": uuid4().hex, "run_id": "run", "retry": 9, "max_retries": 1}
        run = SimpleNamespace(workspace=self.workspace, emit=emit, **known)
        return str(self.run(self.tools[tool].function(run, **arguments)))


async def emit(event: Any) -> None:
    """Nobody listens."""


def output(failed: str) -> Callable[[str], Output]:
    """What a command gave; this pattern, with the exit code in it, tells that it failed."""

    def parsed(answer: str) -> Output:
        code = re.search(failed, answer)
        return Output(re.sub(failed, "", answer), int(code[1]) if code else 0)

    return parsed


def hits(answer: str) -> list[tuple[str, int]]:
    """What a search for text found."""
    return [(path, int(line)) for path, line in re.findall(r"^ *(.+?):(\d+):", answer, re.M)]
