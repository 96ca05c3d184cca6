"""The packages that are compared, a module each, with one small interface.

A peer is called as an agent calls it: through the tools that its package gives to a model
or, where it has none of its own, through the methods behind these. A module lacks what its
package lacks.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Listed:
    """A peer's name in the tables, the distributions to install, and which versions to state."""

    title: str
    packages: Sequence[str] = ()
    shown: Sequence[str] = ("daytona",)
    local: bool = False


PEERS = {
    "raw_sdk": Listed("Daytona SDK alone"),
    "toolkit": Listed("daytona-toolkit", shown=("daytona-toolkit", "daytona")),
    "langchain_daytona": Listed(
        "langchain-daytona", ("langchain-daytona",), ("langchain-daytona", "deepagents", "daytona")
    ),
    "pydantic_ai_backend": Listed(
        "pydantic-ai-backend",
        ("pydantic-ai-backend[console]", "daytona"),
        ("pydantic-ai-backend", "daytona"),
    ),
    "pydantic_ai_harness": Listed(
        "pydantic-ai-harness",
        ("pydantic-ai-harness[daytona]",),
        ("pydantic-ai-harness", "daytona"),
    ),
    "openai_agents": Listed(
        "openai-agents", ("openai-agents[daytona]",), ("openai-agents", "daytona")
    ),
    "google_adk": Listed("google-adk", ("google-adk", "daytona"), ("google-adk", "daytona")),
    "agno_tools": Listed("agno", ("agno", "daytona"), ("agno", "daytona")),
    "toolkit_local": Listed("LocalSandbox", shown=("daytona-toolkit",), local=True),
    "local_shell": Listed("LocalShellBackend", ("deepagents",), ("deepagents",), local=True),
}


class FailedError(Exception):
    """The package answered that the operation failed."""


@dataclass(frozen=True)
class Output:
    """What a command gave: its text, and its exit code if the package tells it."""

    text: str
    exit_code: int | None = None


class Peer:
    """One package. Paths are absolute; a subclass has those operations that the package has.

    | operation | returns |
    | --- | --- |
    | `exec(command)` | `Output` |
    | `read(path, offset, limit)` | text, lines counted from 1 |
    | `write(path, content)` | nothing |
    | `edit(path, old, new, seen)`; `seen` is the file as the model knows it | nothing |
    | `ls(folder)` | names |
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

    def open(self, folder: str) -> None:
        """Get a sandbox to work in a folder."""
        raise NotImplementedError

    def close(self) -> None:
        """Give it back."""


class AsyncPeer(Peer):
    """A package without synchronous methods."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)
