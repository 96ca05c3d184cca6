"""The packages that are compared, a module each with a class `Peer`, by one small interface.

A peer is called as an agent calls it: through the tools that its package gives to a model
or, where it has none of its own, through the methods behind these. A module lacks what its
package lacks.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Listed:
    """A peer's name in the tables, its distributions, and whether these are installed here."""

    title: str
    packages: str
    here: bool = False
    local: bool = False


PEERS = {
    "raw_sdk": Listed("Daytona SDK alone", "daytona", here=True),
    "toolkit": Listed("daytona-toolkit", "daytona-toolkit daytona", here=True),
    "langchain_daytona": Listed("langchain-daytona", "langchain-daytona deepagents daytona"),
    "pydantic_ai_backend": Listed("pydantic-ai-backend", "pydantic-ai-backend[console] daytona"),
    "pydantic_ai_harness": Listed("pydantic-ai-harness", "pydantic-ai-harness[daytona] daytona"),
    "openai_agents": Listed("openai-agents", "openai-agents[daytona] daytona"),
    "google_adk": Listed("google-adk", "google-adk daytona"),
    "agno_tools": Listed("agno", "agno daytona"),
    "toolkit_local": Listed("LocalSandbox", "daytona-toolkit", here=True, local=True),
    "local_shell": Listed("LocalShellBackend", "deepagents", local=True),
}


class FailedError(Exception):
    """The package answered that the operation failed."""


@dataclass(frozen=True)
class Output:
    """What a command gave: its text, and its exit code if the package tells it."""

    text: str
    exit_code: int | None = None


class Base:
    """What `Peer` of each module is. Paths are absolute. It has the operations of its package.

    | operation | returns |
    | --- | --- |
    | `exec(command)` | `Output` |
    | `read(path, skip, limit)`, both in lines | text |
    | `write(path, content)` | nothing |
    | `edit(path, old, new, seen)`; `seen` is the file as the model knows it | nothing |
    | `ls(folder)` | names or paths |
    | `glob(folder, name)` | paths of files with such a name, at any depth |
    | `grep(folder, text)` | (path, line number) |
    | `upload(source, path)`, `download(path, target)` | nothing; one path is of this machine |
    | `background(command)` | an id |
    | `jobs()` | ids |
    | `kill(id)` | nothing |
    | `live(command)` | (text, time of arrival) |
    """

    pages = True
    """Whether `read` can show a part of a file."""

    tools: Any
    """What has the tools of the package."""

    def open(self, folder: str) -> None:
        """Get a sandbox to work in a folder. The server deletes it when it stops."""
        raise NotImplementedError

    def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool."""
        return getattr(self.tools, tool)(**arguments)


class AsyncBase(Base):
    """A package without synchronous methods."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


def tool(
    name: str, *parameters: str, then: Callable[[Any], Any] = lambda answer: answer
) -> Callable[..., Any]:
    """An operation that is a tool of the package.

    Args:
        name: The tool.
        parameters: What it calls the arguments of the operation. Those without one are not passed.
        then: What the operation returns of its answer.
    """

    def operation(peer: Base, *arguments: Any) -> Any:
        return then(peer.call(name, **dict(zip(parameters, arguments, strict=False))))

    return operation
