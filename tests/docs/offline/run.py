"""Run a framework over the snippets of a page, without a model. Part of test_frameworks.

Usage: run.py DRIVER SNIPPETS BIN: the file of the snippets in JSON, and a folder with a `uvx`.
Prints in JSON what the model was told after each call of a tool, whether a command ends with the
run that started it (null where a run cannot be cancelled), and the names of the tools of the MCP
server.
"""

import asyncio
import base64
import importlib
import json
import os
import sys
from pathlib import Path

from daytona_toolkit import LocalSandbox, SandboxSession

CALLS = [
    ("write", {"file_path": "hello.py", "content": "print('hello')\n"}),
    ("exec", {"command": "python3 hello.py", "timeout": None}),
    ("exec", {"cmd": "ls"}),
    ("read", {"file_path": "nothing"}),
    ("read", {"file_path": "plot.png"}),
]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJg"
    "gg=="
)

SLOW = ("exec", {"command": "echo $$ >pid; exec sleep 300"})


async def ends_with(session, running):
    """Whether the slow command ends with the run that started it."""
    run = asyncio.ensure_future(running)
    while not await session.aexists("pid"):
        await asyncio.sleep(0.1)
    run.cancel()
    await asyncio.wait([run])
    return (await session.aexec("kill -0 $(cat pid)")).exit_code != 0


driver = importlib.import_module(sys.argv[1])
in_process, over_mcp = json.loads(Path(sys.argv[2]).read_text())

names = {}
exec(compile(in_process, "frameworks.md", "exec"), names)
with SandboxSession(LocalSandbox()) as session:
    session.write("plot.png", PICTURE)
    tools = names["sandbox_tools"](session)
    told, end = driver.converse(tools, CALLS)
    ended = None
    if hasattr(driver, "run"):
        ended = asyncio.run(ends_with(session, driver.run(tools, [SLOW])))
assert end == "done", end
assert len(told) == len(CALLS), told

# Some frameworks bring a uvx of their own, in front of all others.
os.environ["PATH"] = f"{sys.argv[3]}:{os.environ['PATH']}"
names = {}
exec(compile(over_mcp, "frameworks.md", "exec"), names)
print(json.dumps([told, ended, driver.tools_of(names["workspace"])]))
