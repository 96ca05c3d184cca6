"""Calls of tools, the files that they meet, and what a model is told: a table for every adapter."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

SECRET = "tok-4f9a77"


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURE = png(20, 10)


@dataclass(frozen=True)
class Situation:
    """A call, the files that it meets, and what the model is told.

    Attributes:
        says: Regular expressions that the text must contain.
    """

    tool: str
    arguments: dict[str, Any]
    says: list[str]
    files: dict[str, str | bytes] = field(default_factory=dict)
    error: bool = False


def ok(tool: str, arguments: dict[str, Any], *says: str, **files: str | bytes) -> Situation:
    return Situation(tool, arguments, list(says), files)


def error(tool: str, arguments: dict[str, Any], *says: str, **files: str | bytes) -> Situation:
    return Situation(tool, arguments, ["^Error: ", *says], files, error=True)


# Calls that no tool can do, where notes.txt has two lines `a`: one of each kind of error.
MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("exec", {"command": "pwd", "cwd": "nowhere"}),
    ("exec", {"cmd": "ls"}),
    ("exec", {"command": "ls", "timeout": "soon"}),
    ("read", {"file_path": "nothing"}),
    ("read", {"file_path": "notes.txt", "offset": 99}),
    ("write", {"file_path": "notes.txt/x", "content": ""}),
    ("write", {"file_path": "notes.txt", "content": ""}),
    ("edit", {"file_path": "notes.txt", "old_string": "a", "new_string": "b"}),
    ("edit", {"file_path": "notes.txt", "old_string": "z", "new_string": "b"}),
    ("ls", {"path": "nowhere"}),
    ("grep", {"pattern": "("}),
    ("job", {"job_id": "job-nope"}),
    ("send", {"job_id": "job-nope", "text": "x"}),
    ("apply_patch", {"patch": "nonsense"}),
]

TEXT = "one\ntwo\nthree\n"
TREE = {"a_py": "import os\n", "b_py": "import sys\nprint(1)\n"}

SITUATIONS = {
    "a command that succeeds": ok("exec", {"command": "echo hi"}, r"^hi\n\[exit code 0\]$"),
    "a command that fails": ok(
        "exec",
        {"command": "echo out; echo err >&2; exit 3"},
        r"^out\n\[stderr\]\nerr\n\[exit code 3\]$",
    ),
    "a command that prints nothing": ok("exec", {"command": "true"}, r"^\[exit code 0\]$"),
    "no newline at the end": ok("exec", {"command": "printf hi"}, r"^hi\n\[exit code 0\]$"),
    "too much output": ok(
        "exec", {"command": "seq 100000"}, r"\n\[\.\.\. [\d,]+ of 588,895 bytes left out here; all"
    ),
    "a command that is too slow": ok(
        "exec",
        {"command": "echo begun; sleep 60", "timeout": 1},
        r"^begun\n\[timed out: .* 1\.\d s",
    ),
    "a command in the background": ok(
        "exec",
        {"command": "sleep 60", "background": True},
        r"^\[still running as job-.*\.out \(stderr: ",
    ),
    "another folder": ok("exec", {"command": "pwd", "cwd": "/tmp"}, r"^/tmp\n"),
    "a variable": ok("exec", {"command": "echo $A", "env": ["A=b=c"]}, r"^b=c\n"),
    "a secret": ok(
        "exec", {"command": "echo $TOKEN; cat /no/$TOKEN"}, r"^\*\*\*\n.*\n.*/no/\*\*\*"
    ),
    "null for a default": ok("exec", {"command": "echo hi", "timeout": None, "env": None}, "^hi"),
    "a number as text": ok("exec", {"command": "echo hi", "timeout": "5"}, "^hi"),
    "a command of 1 MB": ok("exec", {"command": f": {'x' * 1_000_000}\necho done"}, "^done"),
    "a missing cwd": error("exec", {"command": "pwd", "cwd": "/no/such"}, "/no/such.*not exist"),
    "a NUL in a command": error("exec", {"command": "echo \0"}, "NUL"),
    "half a surrogate pair": error("exec", {"command": "echo \ud800"}, "half of a surr"),
    "a variable without value": error("exec", {"command": "env", "env": ["A"]}, "NAME=value"),
    "a bad name of a variable": error("exec", {"command": "env", "env": ["1A=b"]}, "'1A'"),
    "an argument that is missing": error("exec", {}, "command is missing. It is: The command"),
    "an argument that is unknown": error(
        "exec",
        {"command": "ls", "shell": "zsh"},
        "shell is not an argument of exec; it takes command",
    ),
    "an argument of a wrong type": error("exec", {"command": ["ls"]}, r"command: .*not \['ls'\]"),
    "a negative timeout": error(
        "exec", {"command": "ls", "timeout": -1}, "timeout: .*not -1. It is: Seconds"
    ),
    "several wrong arguments": error(
        "exec", {"timeout": "soon"}, "command is missing", "timeout: "
    ),
    "a file": ok("read", {"file_path": "a"}, r"^1\|one\n2\|two\n3\|three\n$", a=TEXT),
    "a window": ok(
        "read",
        {"file_path": "a", "offset": 2, "limit": 1},
        r"^2\|two\n\[lines 2 to 2 of 3; continue with offset=3\]$",
        a=TEXT,
    ),
    "an empty file": ok("read", {"file_path": "a"}, r"^\[the file is empty\]$", a=""),
    "a file with CRLF": ok("read", {"file_path": "a"}, r"^1\|x\n2\|y\n\[.*CRLF", a="x\r\ny\r\n"),
    "a secret in a file": ok("read", {"file_path": "a"}, r"^1\|key=\*\*\*\n$", a=f"key={SECRET}\n"),
    "a picture": ok("read", {"file_path": "a"}, rf"image/png, {len(PICTURE)} bytes\]$", a=PICTURE),
    "a missing file": error("read", {"file_path": "nope"}, "'nope' does not exist"),
    "a folder for a file": error("read", {"file_path": "."}, "folder"),
    "a binary file": error("read", {"file_path": "a"}, "binary", a=b"\0\1\2" * 50),
    "an offset past the end": error("read", {"file_path": "a", "offset": 9}, "3 lines", a=TEXT),
    "a negative limit": error("read", {"file_path": "a", "limit": -1}, "limit: .*not -1", a=TEXT),
    "a NUL in a path": error("read", {"file_path": "a\0b"}, "NUL"),
    "an empty path": error("read", {"file_path": ""}, "empty"),
    "a new file": ok("write", {"file_path": "d/new", "content": "é"}, "^Created .*/d/new: 2 bytes"),
    "a file written over": ok(
        "write", {"file_path": "a", "content": "", "overwrite": True}, "^Replaced .*: 0", a=TEXT
    ),
    "a file written over unread": error(
        "write", {"file_path": "a", "content": ""}, "you have not read it.*overwrite=true", a=TEXT
    ),
    "a target that cannot be written": error(
        "write", {"file_path": "/usr/x", "content": ""}, "/usr/x"
    ),
    "an object for a content": error("write", {"file_path": "a", "content": {}}, "content: "),
    "an edit": ok(
        "edit",
        {"file_path": "a", "old_string": "two", "new_string": "2"},
        r"^Replaced 1 place in .*/a\.\n--- a\n\+\+\+ a\n@@ .*\n one\n-two\n\+2\n three$",
        a=TEXT,
    ),
    "an edit in several places": ok(
        "edit",
        {"file_path": "a", "old_string": "e", "new_string": "E", "replace_all": True},
        "^Replaced 3 places",
        a=TEXT,
    ),
    "a large edit": ok(
        "edit",
        {"file_path": "a", "old_string": "two\n", "new_string": "line\n" * 1500},
        r"^Replaced 1 place[^§]{3000,5000}\n\[[\d,]+ more lines of diff\]$",
        a=TEXT,
    ),
    "no match": error(
        "edit", {"file_path": "a", "old_string": "Two", "new_string": ""}, "line 2.*case", a=TEXT
    ),
    "several matches": error(
        "edit", {"file_path": "a", "old_string": "e", "new_string": ""}, "lines 1, 3", a=TEXT
    ),
    "an empty old_string": error(
        "edit", {"file_path": "a", "old_string": "", "new_string": "x"}, "empty", a=TEXT
    ),
    "an identical edit": error(
        "edit", {"file_path": "a", "old_string": "two", "new_string": "two"}, "the same", a=TEXT
    ),
    "a listing": ok("ls", {}, r"^a_py  10\nb_py  20\n$", **TREE),
    "an empty folder": ok("ls", {"path": "."}, r"^\[nothing found in /.*\]$"),
    "a missing folder": error("ls", {"path": "nope"}, "'nope' does not exist"),
    "paths": ok("glob", {"pattern": "**/*_py"}, r"^a_py  10\nb_py  20\n$", **TREE),
    "no path": ok("glob", {"pattern": "**/*.rs"}, r"^\[nothing found in /.*\]$", **TREE),
    "lines": ok("grep", {"pattern": "^import (os|sys)"}, r"^a_py:1:import os\nb_py:1:", **TREE),
    "lines around": ok("grep", {"pattern": "sys", "context": 1}, r"^b_py:1:.*\nb_py-2-", **TREE),
    "a bad pattern": error("grep", {"pattern": "("}, r"\("),
    "plain text": ok("grep", {"pattern": "(1)", "fixed": True}, r"^b_py:2:print\(1\)\n$", **TREE),
    "an unknown job": error("job", {"job_id": "job-0123456789ab"}, "no job"),
    "text for an unknown job": error("send", {"job_id": "job-0", "text": "hello\n"}, "no job"),
    "input to a command that takes none": error(
        "exec", {"command": "cat", "interactive": True}, "interactive is not an argument of exec"
    ),
    "a port without a network": error(
        "preview", {"port": 8000}, "without a network.*tell your user"
    ),
    "no port": error("preview", {"port": 0}, "port: .*not 0"),
    "nothing to kill": error("job", {"kill": True}, "kill needs a job_id"),
}
