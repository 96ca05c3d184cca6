"""pydantic-ai-backend as an agent has it: its console tools over its DaytonaSandbox.

The tools fetch a file again after each read, and before and after each edit, to notice
changes by others; so they cost more than the methods of the backend.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

from pydantic_ai_backends import create_console_toolset

from .pydantic_ai_backend import PydanticAiBackend, checked


class PydanticAiBackendTools(PydanticAiBackend):
    def open(self, folder: str) -> None:
        super().open(folder)
        toolset = create_console_toolset(require_write_approval=False)
        self.tools = {name: tool.function for name, tool in toolset.tools.items()}
        self.context = SimpleNamespace(deps=SimpleNamespace(backend=self.backend))
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.loop.close()
        super().close()

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return self._call("read_file", path, offset - 1, limit)

    def write(self, path: str, content: str) -> None:
        self._call("write_file", path, content)

    def edit(self, path: str, old: str, new: str) -> None:
        self._call("edit_file", path, old, new)

    def _call(self, tool: str, *arguments: Any) -> str:
        return checked(self.loop.run_until_complete(self.tools[tool](self.context, *arguments)))


PEER = PydanticAiBackendTools
