"""Whatever a caller passes: an answer or an error of ours, and in time."""

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import SandboxError
from tests.support import MakeSession

# Of each kind of sandbox; five thousand were tried of each.
CALLS = int(os.environ.get("UGLY_CALLS", "1000"))
# Of a command. More is a hang: the clients' own patience is longer.
TIMEOUT = 2.0

TEXTS = [
    *(
        "",
        " ",
        "a",
        "a\nb",
        "\n",
        "\0",
        "\ud800",
        "a\ud800b",
        "caf\udce9",
        "-e",
        "--",
        "$(id)",
        "`",
    ),
    *("'", '"', "\\", "a" * 300, "a" * 5000, "é" * 3000, "\x01", "\x7f", "\r\n", "***", "//", "~"),
]
NUMBERS = [
    0,
    1,
    -1,
    2,
    7,
    1.5,
    10**6,
    10**30,
    -(10**30),
    2**31,
    2**63,
    *map(float, ["nan", "inf", "-inf"]),
]
OTHERS = [
    None,
    True,
    False,
    b"a",
    b"\xff\0",
    [],
    ["a"],
    {},
    {"a": 1},
    {"A": "1"},
    {"": ""},
    object(),
    Path("a"),
]
PATHS = [
    *("a", "b.txt", "d", "d/e", "d/e/f", "./a", "d/../a", "../../../x/y", "a/", "a/b", "~nobody/x"),
    *(
        "/nothing/here",
        "/proc/self/mem",
        "/dev/zero",
        "/dev/full",
        "x" * 255,
        "x" * 256,
        "d/" * 60,
    ),
    *("pipe", "link", "loop", "\u202e.txt", "caf\udce9", "new\nline", Path("d/e"), Path("a")),
]
# Nothing touches it, so there is something to read.
KEPT = "kept/file"
# What changes something keeps off the machine's own files: not all kinds are confined.
OWN_PATHS = [path for path in PATHS if not str(path).startswith("/")]
PATHS += [KEPT] * 5
COMMANDS = [
    *(
        "true",
        "exit 7",
        "echo a; echo b >&2",
        "cat",
        "sleep 30",
        "sleep 30 &",
        "kill -9 $$",
        "exec false",
    ),
    *(
        "printf '\\377\\0x'",
        "seq 100000",
        "(",
        "if",
        "cd d && pwd",
        "ulimit -n 3; ls",
        "ln -sf loop loop",
    ),
    *(
        "exec >&-; echo a",
        "trap '' TERM; sleep 30",
        "mkfifo pipe; ln -s d link; mkdir -p d/e; echo x >a",
    ),
]
PATTERNS = [
    "*",
    "**",
    "**/",
    "[",
    "[]",
    "[!",
    "{",
    "{a,",
    "{a,b}",
    "a{2}",
    "(",
    "(?i)a",
    "\\",
    "\\1",
    "x{999}",
    ".*",
]
PATCHES = [
    "*** Begin Patch\n*** Add File: d/p\n+x\n*** End Patch",
    "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n*** End Patch",
    "*** Begin Patch\n*** Delete File: b.txt\n*** End Patch",
    "*** Begin Patch",
]

# The arguments of each operation: what they may be when they are not ugly.
OPERATIONS: dict[str, dict[str, list[Any]]] = {
    "exec": {
        "command": COMMANDS,
        "cwd": [None, *PATHS],
        "env": [None, {"A": "b"}, {"A": "\ud800"}, {"1": "x"}, {"A=B": "x"}, {"PATH": ""}],
        "stdin": [None, "x\n", b"\0\xff", "y" * 200_000],
        "timeout": [TIMEOUT, TIMEOUT, 1, 0.5],
        "background": [False, False, False, True],
        "yield_after": [None, None, 0, 0.5],
        "interactive": [False, False, True],
        "shell": [None, None, "main"],
    },
    "job": {"job_id": ["JOB", "nothing"], "wait": [0, 0.5]},
    "jobs": {},
    "kill": {"job_id": ["JOB", "nothing"]},
    "send": {"job_id": ["JOB", "nothing"], "data": ["x\n", *TEXTS], "eof": [False, True]},
    "read": {"path": PATHS, "offset": [1, 2], "limit": [None, 1]},
    "read_bytes": {"path": PATHS},
    "write": {"path": OWN_PATHS, "content": TEXTS, "if_version": [None, None, "", "1-2-3"]},
    "edit": {
        "path": OWN_PATHS,
        "old_string": ["x", *TEXTS],
        "new_string": TEXTS,
        "replace_all": [True],
    },
    "apply_patch": {"patch": PATCHES},
    "exists": {"path": PATHS},
    "stat": {"path": PATHS},
    "realpath": {"path": PATHS},
    "mkdir": {"path": OWN_PATHS},
    "move": {"source": OWN_PATHS, "target": OWN_PATHS, "overwrite": [False, True]},
    "remove": {"path": OWN_PATHS, "recursive": [False, True]},
    "ls": {"path": OWN_PATHS, "hidden": [True, False]},
    "glob": {"pattern": PATTERNS, "path": OWN_PATHS, "hidden": [False, True]},
    "grep": {
        "pattern": PATTERNS,
        "path": OWN_PATHS,
        "glob": [None, *PATTERNS],
        "fixed": [False, True],
        "ignore_case": [False, True],
        "context": [0, 1],
    },
    "upload": {"local": ["HOST"], "remote": OWN_PATHS},
    "download": {"remote": OWN_PATHS, "local": ["HOST"]},
    "preview": {"port": [80, 8000]},
    "is_alive": {},
}


class Caller:
    """Makes up calls, and makes them."""

    def __init__(self, session: SandboxSession, host: Path, seed: int) -> None:
        self.session = session
        self.host = [host / "a", str(host / "folder"), host / ("x" * 300), host / "missing/b"]
        (host / "folder/sub").mkdir(parents=True)
        (host / "folder/sub/caf\udce9").write_bytes(b"x")
        os.mkfifo(host / "folder/pipe")
        self.jobs = ["none"]
        self.chance = random.Random(seed)

    def call(self) -> str:
        """Make one call; return what became of it."""
        name, arguments = self.chance.choice(list(OPERATIONS.items()))
        given = {argument: self._value(argument, usual) for argument, usual in arguments.items()}
        started = time.monotonic()
        outcome = self._outcome(name, given)
        took = time.monotonic() - started
        # A folder takes as long as it has files.
        bound = 60 if name in ("upload", "download") else TIMEOUT + 3
        assert took < bound, f"{name}(**{given!r:.2000}) took {took:.1f} s"
        assert outcome != "SessionClosedError", (name, given)
        return f"{name}: {outcome}"

    def _outcome(self, name: str, given: dict[str, Any]) -> str:
        try:
            result = getattr(self.session, name)(**given)
        except SandboxError as error:
            return type(error).__name__
        except BaseException as error:
            raise AssertionError(f"{name}(**{given!r:.2000}) raised {error!r}") from error
        if job_id := getattr(result, "job_id", None):
            self.jobs = [*self.jobs[-5:], job_id]
        return "done"

    def _value(self, argument: str, usual: list[Any]) -> Any:
        if self.chance.random() < 0.2:
            ugly: list[Any] = [*NUMBERS, *OTHERS, *TEXTS]
            if argument in ("timeout", "wait", "yield_after"):
                # Without a bound, or with a great one, nobody could say what takes too long.
                ugly = [one for one in ugly if one is not None and not _is_above(one, TIMEOUT)]
            if argument == "local":
                ugly.remove("//")  # that is all of this machine
            return self.chance.choice(ugly)
        value = self.chance.choice(usual)
        if value == "JOB":
            return self.chance.choice(self.jobs)
        if value == "HOST":
            return self.chance.choice(self.host)
        return value


def _is_above(value: object, bound: float) -> bool:
    return isinstance(value, int | float) and value > bound


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_ugly_calls_end_in_time_and_with_errors_of_ours(
    make_session: MakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # downloads go to ugly places, too
    session = make_session(confined=True)
    session.write(KEPT, "kept\n")
    caller = Caller(session, tmp_path, seed=5)
    outcomes = Counter(caller.call() for _ in range(CALLS))
    print(*(f"{count:5} {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")
    worked = [name for name in OPERATIONS if outcomes[f"{name}: done"]]
    assert len(worked) > len(OPERATIONS) * 0.8
    for status in caller.session.jobs():
        if status.state == "running":
            caller.session.kill(status.job_id)
    assert caller.session.exec("echo fine").stdout == "fine\n"
