"""The packages that are compared, a module each, with one small interface.

A peer is called as an agent calls it: through the tools that its package gives to a model
or, where it has none of its own, through the methods behind these. What a package does not
offer is left out of its module, and the table has a dash there.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """How a peer is started and called in the tables.

    Attributes:
        title: Its column.
        packages: Distributions to install; none for what the project's environment has.
        shown: Distributions whose versions are stated.
        local: Whether it runs commands on this machine, in a folder that it is given.
    """

    title: str
    packages: Sequence[str] = ()
    shown: Sequence[str] = ("daytona",)
    local: bool = False


PEERS = {
    "raw_sdk": Listed("Daytona SDK"),
    "toolkit": Listed("daytona-toolkit", shown=("daytona-toolkit", "daytona")),
    "pydantic_ai_backend": Listed(
        "pydantic-ai-backend",
        ("pydantic-ai-backend[console]==0.2.16", "daytona"),
        ("pydantic-ai-backend", "daytona"),
    ),
    "pydantic_ai_backend_tools": Listed(
        "pydantic-ai-backend, tools",
        ("pydantic-ai-backend[console]==0.2.16", "daytona"),
        ("pydantic-ai-backend", "daytona"),
    ),
    "langchain_daytona": Listed(
        "langchain-daytona",
        ("langchain-daytona",),
        ("langchain-daytona", "deepagents", "daytona"),
    ),
    "pydantic_ai_daytona": Listed(
        "pydantic-ai-daytona", ("pydantic-ai-daytona",), ("pydantic-ai-daytona", "daytona")
    ),
    "agno_tools": Listed("agno", ("agno", "daytona"), ("agno", "daytona")),
    "toolkit_local": Listed("LocalSandbox", shown=("daytona-toolkit",), local=True),
    "local_shell": Listed("Deep Agents LocalShellBackend", ("deepagents",), ("deepagents",), True),
    "shell_tool": Listed("LangChain ShellToolMiddleware", ("langchain",), ("langchain",), True),
}


class FailedError(Exception):
    """The package answered that the operation failed."""


class NotOfferedError(Exception):
    """The package refuses this by design."""


@dataclass(frozen=True)
class Output:
    """What a command gave: its text, its exit code if the package tells it, whether it was cut."""

    text: str
    exit_code: int | None = None
    cut: bool = False


class Peer:
    """One package. Paths are absolute; a subclass has those operations that the package has.

    | operation | returns |
    | --- | --- |
    | `exec(command)` | `Output` |
    | `read(path, offset, limit)` | text, lines counted from 1 |
    | `write(path, content)`, `edit(path, old, new)` | nothing |
    | `ls(folder)` | names |
    | `glob(folder, name)` | paths of files with such a name, at any depth |
    | `grep(folder, text)` | (path, line number) |
    """

    pages = True
    """Whether `read` can show a part of a file."""

    def open(self, folder: str) -> None:
        """Get a sandbox; `folder` is for local ones."""
        raise NotImplementedError

    def close(self) -> None:
        """Give it back."""

    def parallel(self, commands: Sequence[str]) -> list[Output]:
        """Run commands at the same time, as a framework does with parallel tool calls."""
        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(self.exec, commands))  # type: ignore[attr-defined]
