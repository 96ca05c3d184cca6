"""agno's DaytonaTools."""

import json
from types import SimpleNamespace

from agno.tools.daytona import DaytonaTools

from . import FailedError, Output, Peer


class AgnoTools(Peer):
    pages = False

    def open(self, folder: str) -> None:
        self.tools = DaytonaTools()
        # All that the tools need of an agent. Their own default folder, /home/daytona, is
        # one of Daytona's images.
        self.agent = SimpleNamespace(session_state={"working_directory": "."})
        self.tools.run_shell_command(self.agent, "true")

    def close(self) -> None:
        self.tools.daytona.get(self.agent.session_state["sandbox_id"]).delete()

    def exec(self, command: str) -> Output:
        return Output(checked(self.tools.run_shell_command(self.agent, command)))

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return checked(self.tools.read_file(self.agent, path))

    def write(self, path: str, content: str) -> None:
        checked(self.tools.create_file(self.agent, path, content))

    def ls(self, folder: str) -> list[str]:
        lines = checked(self.tools.list_files(self.agent, folder)).splitlines()[2:]
        names = [line.split(maxsplit=8)[8] for line in lines]
        return [name for name in names if name not in (".", "..")]


def checked(answer: str) -> str:
    """An answer that is no error; errors come as JSON."""
    if answer.startswith('{"status": "error"'):
        raise FailedError(json.loads(answer)["message"])
    return answer


PEER = AgnoTools
