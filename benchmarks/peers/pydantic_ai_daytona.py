"""pydantic-ai-daytona: the tools of its capability."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from pydantic_ai import ModelRetry
from pydantic_ai_daytona import DaytonaSandbox, DaytonaSandboxSession

from . import FailedError, NotOfferedError, Output, Peer


class PydanticAiDaytona(Peer):
    def open(self, folder: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.session = DaytonaSandboxSession()
        self._wait(self.session.__aenter__())
        toolset = DaytonaSandbox(session=self.session).get_toolset()
        self.tools: Any = self._wait(toolset.for_run(None))
        self._wait(self.tools.__aenter__())

    def close(self) -> None:
        self._wait(self.session.__aexit__(None, None, None))
        self.loop.close()

    def exec(self, command: str) -> Output:
        return output(self._wait(self.tools.run_command(command)))

    def parallel(self, commands: Sequence[str]) -> list[Output]:
        async def all_of_them() -> list[str]:
            return await asyncio.gather(*map(self.tools.run_command, commands))

        return [output(text) for text in self._wait(all_of_them())]

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return str(self._wait(self.tools.read_file(path, offset=offset, limit=limit)))

    def write(self, path: str, content: str) -> None:
        self._wait(self.tools.write_file(path, content))

    def ls(self, folder: str) -> list[str]:
        return [
            name.rstrip("/") for name in self._wait(self.tools.list_directory(folder)).split("\n")
        ]

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.loop.run_until_complete(work)
        except ModelRetry as error:
            if "read limit" in str(error):
                raise NotOfferedError(str(error)) from error
            raise FailedError(str(error)) from error


def output(text: str) -> Output:
    """Take the tool's text apart."""
    body, _, code = text.rpartition("\n[exit code: ")
    exit_code = int(code.rstrip("]")) if body else 0
    return Output(
        (body or text).removeprefix("[stdout]\n"), exit_code, "truncated" in text[:200].lower()
    )


PEER = PydanticAiDaytona
