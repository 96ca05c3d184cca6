"""Run a framework over the snippets of a page, without a model. Part of test_frameworks.

Usage: run.py DRIVER SNIPPETS BIN: the file of the snippets in JSON, and a folder with a `uvx`.
Prints in JSON what the model was told after each call of a tool, and the names of the tools of
the MCP server.
"""

import base64
import importlib
import json
import os
import sys
from pathlib import Path

from daytona_toolkit import LocalSandbox, SandboxSession

CALLS = [
    ("write", {"file_path": "hello.py", "content": "print('hello')\n"}),
    ("exec", {"command": "python3 hello.py"}),
    ("exec", {"cmd": "ls"}),
    ("read", {"file_path": "nothing"}),
    ("read", {"file_path": "plot.png"}),
]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJg"
    "gg=="
)

driver = importlib.import_module(sys.argv[1])
in_process, over_mcp = json.loads(Path(sys.argv[2]).read_text())

names = {}
exec(compile(in_process, "frameworks.md", "exec"), names)
with SandboxSession(LocalSandbox()) as session:
    session.write("plot.png", PICTURE)
    told, end = driver.converse(names["sandbox_tools"](session), CALLS)
assert end == "done", end
assert len(told) == len(CALLS), told

# Some frameworks bring a uvx of their own, in front of all others.
os.environ["PATH"] = f"{sys.argv[3]}:{os.environ['PATH']}"
names = {}
exec(compile(over_mcp, "frameworks.md", "exec"), names)
print(json.dumps([told, driver.tools_of(names["workspace"])]))
