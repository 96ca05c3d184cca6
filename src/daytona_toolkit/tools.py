"""The tool table: what models are told of each tool, which arguments it takes, and how it runs.

An adapter turns rows of this table into the tools of a framework:

```python
for name, tool in choose("core", session=session).items():
    framework.add(name, tool.description, tool.schema(), partial(tool.run, session))
```
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from daytona_toolkit._masking import valid_unicode
from daytona_toolkit._operations.edit.tool import EDIT
from daytona_toolkit._operations.exec import OnOutput
from daytona_toolkit._operations.exec.tool import EXEC, JOB, SEND, exec_with
from daytona_toolkit._operations.glob.tool import GLOB
from daytona_toolkit._operations.grep.tool import GREP
from daytona_toolkit._operations.ls.tool import LS
from daytona_toolkit._operations.patch.tool import APPLY_PATCH
from daytona_toolkit._operations.preview.tool import PREVIEW
from daytona_toolkit._operations.read.tool import READ
from daytona_toolkit._operations.write.tool import WRITE
from daytona_toolkit._pool import SessionPool
from daytona_toolkit._result import Image
from daytona_toolkit._seen import SeenFiles
from daytona_toolkit._session import SandboxSession
from daytona_toolkit._sharing import Key, check_key, check_session, key_in, use, wait_for
from daytona_toolkit._tool import Arguments, Rendered, Tool
from daytona_toolkit.limits import Limits

__all__ = [
    "APPLY_PATCH",
    "EDIT",
    "EXEC",
    "GLOB",
    "GREP",
    "JOB",
    "LS",
    "PREVIEW",
    "READ",
    "SEND",
    "TOOLS",
    "WRITE",
    "Arguments",
    "Choice",
    "Image",
    "Key",
    "OnOutput",
    "Rendered",
    "Tool",
    "check_key",
    "check_session",
    "choose",
    "key_in",
    "use",
    "valid_unicode",
    "wait_for",
]

Choice: TypeAlias = Literal["core", "read_only", "all"] | Sequence[str]

_TABLE = (EXEC, READ, WRITE, EDIT, LS, GLOB, GREP, JOB, SEND, APPLY_PATCH, PREVIEW)

TOOLS = {tool.name: tool for tool in _TABLE}

_CORE = ("exec", "read", "write", "edit")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def choose(
    tools: Choice = "core",
    prefix: str = "",
    *,
    session: SandboxSession | SessionPool | None = None,
    line_numbers: bool = True,
    shell: str | None = None,
) -> dict[str, Tool]:
    """The tools of one agent, by the names that its model knows them by.

    Together they remember which version of each file the model was shown, so that `write` never
    replaces a newer one. Beside `send`, `exec` can start commands to type into.

    Args:
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or names.
        prefix: Put before each name, to tell two workspaces apart; the descriptions say so.
        session: What they work in. Of a session the descriptions tell the limits, and whether
            commands reach the network.
        line_numbers: Whether lines of a file begin with their number, as in `12|text`.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: the
            working folder and exported variables carry over from each to the next. Unless given,
            each command starts fresh.

    Returns:
        The rows.

    Raises:
        ValueError: A name that does not exist, or one that models could not call.
        InvalidArgumentError: No name for a shell.

    Example:
        ```python
        rows = choose(["exec", "read"], session=session)
        ```
    """
    if tools == "core":
        tools = _CORE
    elif tools == "read_only":
        tools = [tool.name for tool in TOOLS.values() if tool.read_only]
    elif tools == "all":
        tools = list(TOOLS)
    if isinstance(tools, str) or not all(name in TOOLS for name in tools):
        raise ValueError(
            f'There are no tools {tools!r}; pass "core", "read_only", "all", or a list of names '
            f"out of {', '.join(TOOLS)}."
        )
    for name in tools:
        if not _NAME.fullmatch(prefix + name):
            raise ValueError(
                f"{prefix + name!r} is not a valid name for a tool: models allow up to 64 letters, "
                "digits, _ and -. Choose another prefix."
            )
    seen, rows = SeenFiles(), TOOLS | {"exec": exec_with(shell=shell, interactive="send" in tools)}
    limits, network = Limits(), None
    if isinstance(session, SandboxSession):
        limits, network = session.limits, session.network
    return {
        prefix + name: replace(
            rows[name],
            limits=limits,
            network=network,
            line_numbers=line_numbers,
            prefix=prefix,
            seen=seen,
        )
        for name in tools
    }
