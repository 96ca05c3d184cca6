"""agno's DaytonaTools."""

import json
from types import SimpleNamespace
from typing import Any

from agno.tools.daytona import DaytonaTools

from . import Base, FailedError, Output, tool


class Peer(Base):
    pages = False

    def open(self, folder: str) -> None:
        self.tools = DaytonaTools()
        # All that the tools need of an agent. Their own default folder, /home/daytona, is
        # one of Daytona's images.
        self.agent = SimpleNamespace(session_state={"working_directory": "."})
        self.exec("true")

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; errors come as JSON."""
        answer = str(getattr(self.tools, tool)(self.agent, **arguments))
        if answer.startswith('{"status": "error"'):
            raise FailedError(json.loads(answer)["message"])
        return answer

    exec = tool("run_shell_command", "command", then=Output)
    read = tool("read_file", "file_path")
    write = tool("create_file", "file_path", "content")

    def ls(self, folder: str) -> list[str]:
        lines = self.call("list_files", directory=folder).splitlines()[2:]
        names = [line.split(maxsplit=8)[8] for line in lines]
        return [name for name in names if name not in (".", "..")]
