"""What becomes of an operation of which a tool is killed, as a system without memory does."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, Limits, SandboxSession, _workspace
from daytona_toolkit.errors import SandboxError
from tests.support import needs

TOOLS = (
    *("base64", "cat", "chmod", "cp", "cut", "find", "flock", "git", "grep", "head", "ln", "mkdir"),
    *("mv", "rm", "sed", "sha256sum", "sort", "stat", "tail", "tar", "tr", "uniq", "wc", "xargs"),
)

# The tool with the number of the plan ends as it says; `shell` is what has started it.
TOOL = """#!/bin/sh
number=1
set -C
until {{ true >"{folder}/$number"; }} 2>/dev/null; do number=$((number + 1)); done
read -r chosen victim <"{folder}/plan"
case $number:$victim in
"$chosen:tool") kill -9 $$ ;;
"$chosen:shell") kill -9 $PPID ;;
esac
exec {path} "$@"
"""

LINES = "".join(f"line {number}{' here' * (number % 500 == 7)}\n" for number in range(2000))
PATCH = """*** Begin Patch
*** Update File: large
@@
 line 6
-line 7 here
+line 7
@@
 line 1506
-line 1507 here
+line 1507
*** Add File: folder/new
+new
*** Delete File: folder/old
*** End Patch"""


class Machine:
    """A machine of whose tools one is killed.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.root, self.local = folder / "root", folder / "local"
        self._count, tools = folder / "count", folder / "bin"
        for each in (self.local, self._count, tools):
            each.mkdir()
        for name in TOOLS:
            script = tools / name
            script.write_text(TOOL.format(folder=self._count, path=needs(name)))
            script.chmod(0o755)
        for name in ("one", "two", "three"):
            (self.local / name).write_text(f"{name}\n")
        argv = ["env", f"TMPDIR={folder}", f"PATH={tools}:{os.environ['PATH']}", needs("sh")]
        self.session = SandboxSession(
            CommandSandbox(argv), root=self.root, limits=Limits(cache_bytes=1)
        )

    def plan(self, number: int, victim: str) -> None:
        for each in self._count.iterdir():
            each.unlink()
        (self._count / "plan").write_text(f"{number} {victim}\n")

    def has_struck(self, number: int) -> bool:
        return (self._count / str(number)).exists()

    def fill(self) -> dict[str, str]:
        for path in sorted(self.root.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (self.root / "folder").mkdir()
        (self.root / "file").write_text("one\ntwo\n")
        (self.root / "large").write_text(LINES)
        (self.root / "folder" / "old").write_text("old\n")
        return self.files()

    def files(self) -> dict[str, str]:
        """What is there but for temporary files, which the next writer removes."""
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in self.root.rglob("*")
            if path.is_file() and "/.dtk-" not in str(path)
        }


def go_back(on: Machine) -> None:
    """Make a checkpoint and restore it."""
    made = on.session.checkpoint()
    (on.root / "file").unlink()
    (on.root / "another").write_text("another\n")
    on.session.restore(made.id)


OPERATIONS: dict[str, Callable[[Machine], object]] = {
    "write": lambda on: on.session.write("new/file", "new\n"),
    "edit": lambda on: on.session.edit("file", "two", "2"),
    "edit of a large file": lambda on: on.session.edit("large", "line 1777", "changed"),
    "edit everywhere": lambda on: on.session.edit("large", "here", "there", replace_all=True),
    "patch": lambda on: on.session.apply_patch(PATCH),
    "mkdir": lambda on: on.session.mkdir("new/folder"),
    "move": lambda on: on.session.move("file", "folder/file"),
    "remove": lambda on: on.session.remove("folder", recursive=True),
    "upload": lambda on: on.session.upload(on.local, "folder"),
    "checkpoint and restore": go_back,
    "stat": lambda on: on.session.stat("file"),
    "read": lambda on: on.session.read_bytes("file"),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", ["tool", pytest.param("shell", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(name, marks=pytest.mark.slow) if act is go_back else name
        for name, act in OPERATIONS.items()
    ],
)
def test_it_is_done_whole_or_not_at_all(
    operation: str, victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_workspace, "_PAUSES", (0.0, 0.01, 0.05, 0.1))
    machine, act = Machine(tmp_path), OPERATIONS[operation]
    machine.plan(0, "")
    with machine.session:
        before = machine.fill()
        act(machine)
        after = machine.files()
        for number in count(1):
            machine.plan(0, "")
            machine.fill()
            machine.plan(number, victim)
            try:
                act(machine)
            except SandboxError as error:
                is_half_done = "stopped while it applied the patch" in str(error)
                if not is_half_done and act is not go_back:
                    assert machine.files() in (before, after)
            else:
                assert machine.files() == after
            if not machine.has_struck(number):
                break
