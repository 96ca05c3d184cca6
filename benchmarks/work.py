"""What is asked of every peer, and how its answer is checked.

A piece of work makes the call that counts in `turn.counted()`, and asserts that its answer is
right, on disk too: sandboxes of the test server are folders of this machine.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from benchmarks.peers import Output

_RECORDED = json.loads(Path(__file__).with_name("session.json").read_text())
_ORDERS = "".join(f"order-{n:06},pen,{n % 7 + 1},{n * 3 % 997}\n" for n in range(9000))
STEPS = _RECORDED["steps"]

_BYTES = bytes(range(256)) * 200
_OTHER = "the file has another content"


@dataclass
class Turn:
    """A peer's turn at a piece of work, and what it came to.

    Attributes:
        path: A folder in the sandbox.
        disk: The same on this machine.
        word: Another one for each turn.
        arrived: Tells how many requests the server had so far.
    """

    path: str
    disk: Path
    word: str
    arrived: Callable[[], int]
    seconds: float = 0.0
    requests: int = 0
    wrong: list[str] = field(default_factory=list)

    def counted(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call that counts."""
        arrived, started = self.arrived(), time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self.seconds += time.perf_counter() - started
            self.requests += self.arrived() - arrived

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Note what goes wrong, and go on."""
        try:
            yield
        except AssertionError as error:
            self.wrong.append(str(error)[:300])
        except Exception as error:  # whatever a package raises is its answer
            self.wrong.append(f"{type(error).__name__}: {error}"[:300])


@dataclass(frozen=True)
class Work:
    """A piece of work: its row in the tables, the peer's methods it takes, and what it does."""

    title: str
    needs: frozenset[str]
    run: Callable[[Any, Turn], None]


WORK: dict[str, Work] = {}


def work(title: str, *needs: str, name: str = "", **options: Any) -> Callable[[Any], Any]:
    """Add a function to the pieces of work; without a title it has no row of its own."""

    def add(run: Any) -> Any:
        WORK[name or run.__name__] = Work(title, frozenset(needs), partial(run, **options))
        return run

    return add


@work("exec", "exec")
def execute(peer: Any, turn: Turn) -> None:
    answer = turn.counted(peer.exec, f"echo {turn.word}")
    assert answer.exit_code in (0, None), f"exit code {answer.exit_code}: {answer.text}"
    assert turn.word in answer.text.splitlines(), f"other output: {answer.text!r}"


@work("read a small file", "read")
def read(peer: Any, turn: Turn) -> None:
    lines = [f"{turn.word} {number:012}" for number in range(60)]
    (turn.disk / "small.txt").write_text("\n".join(lines) + "\n")
    text = turn.counted(peer.read, f"{turn.path}/small.txt", 0, 2000)
    assert re.findall(rf"\b{turn.word} \d+", text) == lines, "other lines than those of the file"


@work("write 300 KB", "write", name="write_300_kb", size=300_000)
@work("write 43 KB", "write", name="write_43_kb", size=43_000)
def write(peer: Any, turn: Turn, size: int) -> None:
    name, content = f"new-{turn.word}.py", program(turn.word, size)
    turn.counted(peer.write, f"{turn.path}/{name}", content)
    assert (turn.disk / name).read_text() == content, _OTHER


@work("upload 50 KB", "upload")
def upload(peer: Any, turn: Turn) -> None:
    (turn.disk / "source").write_bytes(_BYTES)
    turn.counted(peer.upload, str(turn.disk / "source"), f"{turn.path}/up-{turn.word}")
    assert (turn.disk / f"up-{turn.word}").read_bytes() == _BYTES, _OTHER


@work("download 50 KB", "download")
def download(peer: Any, turn: Turn) -> None:
    (turn.disk / "source").write_bytes(_BYTES)
    turn.counted(peer.download, f"{turn.path}/source", str(turn.disk / f"down-{turn.word}"))
    assert (turn.disk / f"down-{turn.word}").read_bytes() == _BYTES, _OTHER


@work("edit a small file, unseen", "edit", name="edit_unseen", seen=False)
@work("edit a small file, seen", "edit", "read", name="edit_seen", seen=True)
def edit(peer: Any, turn: Turn, seen: bool) -> None:
    name, before = f"{turn.word}.py", program(turn.word, 4_000)
    (turn.disk / name).write_text(before)
    if seen:
        peer.read(f"{turn.path}/{name}", 0, 2000)
    old, new = f"MARK = '{turn.word}'\n", f"MARK = 'edited {turn.word}'\n"
    turn.counted(peer.edit, f"{turn.path}/{name}", old, new, before)
    changed = (turn.disk / name).read_text()
    assert changed == before.replace(old, new), _OTHER


@work("ls", "ls")
def ls(peer: Any, turn: Turn) -> None:
    root = tree(turn)
    found = turn.counted(peer.ls, root)
    names = {re.sub(r".*/(?=.)|/$", "", name) for name in found}
    assert names == {f"{n:02}" for n in range(30)}, f"other names than there are: {found[:3]}"


@work("glob, 300 files", "glob")
def glob(peer: Any, turn: Turn) -> None:
    root = tree(turn)
    found = turn.counted(peer.glob, root, "module_*.py")
    expected = {f"{n:02}/module_{n:02}.py" for n in range(30)}
    assert {in_tree(path) for path in found} == expected, f"other files: {found[:3]}"


@work("grep, 300 files", "grep")
def grep(peer: Any, turn: Turn) -> None:
    root = tree(turn)
    found = turn.counted(peer.grep, root, "needle")
    expected = {(f"{n:02}/module_{n:02}.py", 20) for n in range(0, 30, 3)}
    assert {(in_tree(path), line) for path, line in found} == expected, f"others: {found[:3]}"


@work("kill a job", "background", "kill", name="kill", counts="kill")
@work("list jobs", "background", "kill", "jobs", name="jobs", counts="jobs")
@work("start a job in the background", "background", "kill", name="background", counts="background")
def life_of_a_job(peer: Any, turn: Turn, counts: str) -> None:
    """One call of it counts."""

    def do(tool: str, *arguments: Any) -> Any:
        call = getattr(peer, tool)
        return turn.counted(call, *arguments) if tool == counts else call(*arguments)

    command = f"sleep 600.{int(turn.word, 16)}"
    job = do("background", command)
    assert runs(command, True), "it does not run"
    if counts == "jobs":
        found = do("jobs")
        assert job in found, f"the job is not among {found}"
    do("kill", job)
    assert not runs(command, False), "it still runs"


@work("", "exec", "read", "write")
def session(peer: Any, turn: Turn) -> None:
    """Sixty tool calls of a coding agent that mends and extends a program."""
    root, disk = f"{turn.path}/{turn.word}", turn.disk / turn.word
    files = {**_RECORDED["files"], "data/orders.csv": _ORDERS}
    for step in STEPS:
        # What an earlier step did wrong counts there, and does not spoil this one.
        for name, content in files.items():
            path = disk / name
            if not path.exists() or path.read_text() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        tool, (name, *rest) = step["tool"], step["arguments"]
        before = files.get(name, "")
        if tool in ("edit", "write"):
            files[name] = before.replace(*rest) if tool == "edit" else rest[0]
        with turn.checked():
            after = files.get(name, "")
            answer = turn.counted(call, peer, tool, root, name, rest, before, after)
            if tool in ("edit", "write"):
                assert (disk / name).read_text() == files[name], f"{name} has another content"
            if isinstance(answer, Output):
                code, answer = answer.exit_code, answer.text
                assert code in (step.get("code", 0), None), f"exit code {code}: {answer[-200:]}"
            shows = step.get("shows", "")
            assert shows in str(answer), f"no {shows!r} in it: {str(answer)[-200:]}"


@work("", "exec")
def raw(peer: Any, turn: Turn) -> None:
    """One raw request, which everything else is measured in."""
    answer = turn.counted(peer.exec, "true")
    assert answer.exit_code == 0


@work("", "exec")
def append(peer: Any, turn: Turn) -> None:
    """Whether commands run twice shows in the file at the end."""
    turn.counted(peer.exec, f"echo {turn.word} >>{turn.path}/runs")
    assert turn.word in (turn.disk / "runs").read_text().split(), "the command did not run"


@work("", "live")
def live(peer: Any, turn: Turn) -> None:
    """Each line tells when it was printed. What counts is how late the latest arrived."""
    seen = turn.counted(peer.live, "for n in 1 2 3 4 5 6; do date +%s.%N; sleep 0.7; done")
    delays = [moment - float(line) for text, moment in seen for line in text.split()]
    assert len(delays) == 6, f"{len(delays)} lines of 6"
    turn.seconds = max(delays)


def program(word: str, size: int) -> str:
    """Source code of about a size, with quotes and blanks as source code has them."""
    line = "    print(f'{name!r} costs $%d, \"net\"' % (total * 2))  # a comment\\n\n"
    body = line * (size // len(line) // 2)
    return f"def report(name, total):\n{body}MARK = '{word}'\ndef again(name, total):\n{body}"


def tree(turn: Turn) -> str:
    """A folder of 30 folders of 10 files each."""
    for n in range(30) if not (turn.disk / "tree").exists() else ():
        (turn.disk / f"tree/{n:02}").mkdir(parents=True)
        for m in range(10):
            name = f"notes_{m}.md" if m else f"module_{n:02}.py"
            lines = [f"line {k} of {name}, about nothing in particular" for k in range(1, 41)]
            if m == n % 3 == 0:
                lines[19] = "a needle in here"
            (turn.disk / f"tree/{n:02}/{name}").write_text("\n".join(lines) + "\n")
    return f"{turn.path}/tree"


def in_tree(path: str) -> str:
    """The end of a path, for some packages show it from the root and others from the folder."""
    return "/".join(path.split("/")[-2:])


def runs(command: str, expected: bool) -> bool:
    """Whether a command runs, in whatever sandbox of this machine, after a second at most."""
    deadline = time.monotonic() + 1
    while True:
        found = subprocess.run(["pgrep", "-fx", command], stdout=subprocess.DEVNULL)
        if (found.returncode == 0) == expected or time.monotonic() > deadline:
            return found.returncode == 0
        time.sleep(0.02)


def call(peer: Any, tool: str, root: str, name: str, rest: Any, before: str, after: str) -> Any:
    """Make a tool call, or what a model does without that tool: it runs commands, and writes a
    file as a whole.
    """
    path = f"{root}/{name}".removesuffix("/.")
    if tool == "exec":
        return peer.exec(f"(cd {root}; {name})")  # agno takes `cd …` for something else
    if tool == "edit" and hasattr(peer, "edit"):
        return peer.edit(path, *rest, before)
    if tool == "edit":
        peer.read(path)
        return peer.write(path, after)
    if tool == "read" and rest and not peer.pages:
        skip, limit = rest
        return peer.exec(f"sed -n '{skip + 1},{skip + limit}p' {quote(path)}")
    if hasattr(peer, tool):
        return getattr(peer, tool)(path, *rest)
    commands = {"ls": "ls {}", "glob": "find {} -name {}", "grep": "grep -rnF -e {1} {0}"}
    return peer.exec(commands[tool].format(quote(path), *map(quote, rest)))
