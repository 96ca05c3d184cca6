"""What is asked of every peer, and how its answer is checked.

A piece of work is a generator. It yields the call that is timed, is sent what came back, and
asserts that it is right, on disk too: sandboxes of the test server are folders of this machine.
Calls beside it, which do not count, are yielded as `Aside`. What it returns, if anything, counts in
the place of the seconds of the call.
"""

import re
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import Output

Call = Callable[[Any], Any]
Job = Generator[Any, Any, Any]


@dataclass(frozen=True)
class Aside:
    """A call that does not count."""

    call: Call


@dataclass(frozen=True)
class Place:
    """A folder of a sandbox: its path in there, and on this machine; and a word for this turn."""

    path: str
    disk: Path
    word: str


@dataclass(frozen=True)
class Work:
    """A piece of work: its row in the tables, the peer's methods it takes, and what it does."""

    title: str
    needs: frozenset[str]
    run: Callable[[Place], Job]


WORK: dict[str, Work] = {}


def work(title: str, *needs: str, name: str = "", **options: Any) -> Callable[[Any], Any]:
    def add(run: Any) -> Any:
        WORK[name or run.__name__] = Work(title, frozenset(needs), partial(run, **options))
        return run

    return add


@work("exec", "exec")
def execute(at: Place) -> Job:
    answer: Output = yield lambda peer: peer.exec(f"echo {at.word}")
    assert answer.exit_code in (0, None), f"exit code {answer.exit_code}: {answer.text[:200]}"
    assert at.word in answer.text.splitlines(), f"other output: {answer.text[:200]!r}"


@work("read a small file", "read")
def read(at: Place) -> Job:
    lines = [f"{at.word} {number:012}" for number in range(60)]
    (at.disk / "small.txt").write_text("\n".join(lines) + "\n")
    text = yield lambda peer: peer.read(f"{at.path}/small.txt", 1, 2000)
    assert re.findall(rf"\b{at.word} \d+", text) == lines, "other lines than those of the file"


@work("write 300 KB", "write", name="write_300_kb", size=300_000)
@work("write 43 KB", "write", name="write_43_kb", size=43_000)
def write(at: Place, size: int) -> Job:
    content = program(at.word, size)
    yield lambda peer: peer.write(f"{at.path}/new-{at.word}.py", content)
    assert (at.disk / f"new-{at.word}.py").read_text() == content, "the file has another content"


@work("upload 50 KB", "upload")
def upload(at: Place) -> Job:
    source = Path(f"/tmp/benchmark-{at.word}")
    source.write_bytes(bytes(range(256)) * 200)
    yield lambda peer: peer.upload(str(source), f"{at.path}/up-{at.word}")
    sent = source.read_bytes()
    source.unlink()
    assert (at.disk / f"up-{at.word}").read_bytes() == sent, "the file has another content"


@work("download 50 KB", "download")
def download(at: Place) -> Job:
    target = Path(f"/tmp/benchmark-{at.word}")
    (at.disk / "down").write_bytes(bytes(range(256)) * 200)
    yield lambda peer: peer.download(f"{at.path}/down", str(target))
    received = target.read_bytes()
    target.unlink()
    assert received == (at.disk / "down").read_bytes(), "the file has another content"


@work("edit a small file, unseen", "edit", name="edit_unseen", seen=False)
@work("edit a small file, seen", "edit", "read", name="edit_seen", seen=True)
def edit(at: Place, seen: bool) -> Job:
    name, before = f"{at.word}.py", program(at.word, 4_000)
    (at.disk / name).write_text(before)
    if seen:
        yield Aside(lambda peer: peer.read(f"{at.path}/{name}", 1, 2000))
    old, new = f"MARK = '{at.word}'\n", f"MARK = 'edited {at.word}'\n"
    yield lambda peer: peer.edit(f"{at.path}/{name}", old, new, before)
    changed = (at.disk / name).read_text()
    assert changed == before.replace(old, new), "the file has another content"


@work("ls", "ls")
def ls(at: Place) -> Job:
    root = tree(at)
    found = yield lambda peer: peer.ls(root)
    names = {re.sub(r".*/(?=.)|/$", "", name) for name in found}
    assert names == {f"{n:02}" for n in range(30)}, f"other names than there are: {found[:3]}"


@work("glob, 300 files", "glob")
def glob(at: Place) -> Job:
    root = tree(at)
    found = yield lambda peer: peer.glob(root, "module_*.py")
    expected = {f"{n:02}/module_{n:02}.py" for n in range(30)}
    assert {in_tree(path) for path in found} == expected, f"other files: {found[:3]}"


@work("grep, 300 files", "grep")
def grep(at: Place) -> Job:
    root = tree(at)
    found = yield lambda peer: peer.grep(root, "needle")
    expected = {(f"{n:02}/module_{n:02}.py", 20) for n in range(0, 30, 3)}
    assert {(in_tree(path), line) for path, line in found} == expected, f"others: {found[:3]}"


@work("start a job in the background", "background", "kill")
def background(at: Place) -> Job:
    seconds = unique_seconds(at)
    job = yield lambda peer: peer.background(f"sleep {seconds}")
    assert runs(seconds, True), "it does not run"
    yield Aside(lambda peer: peer.kill(job))


@work("list jobs", "jobs", "background", "kill")
def jobs(at: Place) -> Job:
    job = yield Aside(lambda peer: peer.background(f"sleep {unique_seconds(at)}"))
    found = yield lambda peer: peer.jobs()
    assert job in found, f"the job is not among {found}"
    yield Aside(lambda peer: peer.kill(job))


@work("kill a job", "kill", "background")
def kill(at: Place) -> Job:
    seconds = unique_seconds(at)
    job = yield Aside(lambda peer: peer.background(f"sleep {seconds}"))
    yield lambda peer: peer.kill(job)
    assert not runs(seconds, False), "it still runs"


@work("one raw request", "exec")
def raw(at: Place) -> Job:
    answer: Output = yield lambda peer: peer.exec("true")
    assert answer.exit_code == 0


@work("append a line", "exec")
def append(at: Place) -> Job:
    """Whether commands run twice shows in the file at the end."""
    yield lambda peer: peer.exec(f"echo {at.word} >>{at.path}/runs")
    assert at.word in (at.disk / "runs").read_text().split(), "the command did not run"


@work("see output", "live")
def live(at: Place) -> Job:
    """Each line tells when it was printed. What counts is how late the latest arrived."""
    seen = yield lambda peer: peer.live("for n in 1 2 3 4 5 6; do date +%s.%N; sleep 0.7; done")
    delays = [moment - float(line) for text, moment in seen for line in text.split()]
    assert len(delays) == 6, f"{len(delays)} lines of 6"
    return max(delays)


def program(word: str, size: int) -> str:
    """Source code of about a size, with quotes and blanks as source code has them."""
    line = "    print(f'{name!r} costs $%d, \"net\"' % (total * 2))  # a comment\\n\n"
    body = line * (size // len(line) // 2)
    return f"def report(name, total):\n{body}MARK = '{word}'\ndef again(name, total):\n{body}"


def tree(at: Place) -> str:
    """A folder of 30 folders of 10 files each."""
    for n in range(30) if not (at.disk / "tree").exists() else ():
        (at.disk / f"tree/{n:02}").mkdir(parents=True)
        for m in range(10):
            name = f"notes_{m}.md" if m else f"module_{n:02}.py"
            lines = [f"line {k} of {name}, about nothing in particular" for k in range(1, 41)]
            if m == n % 3 == 0:
                lines[19] = "a needle in here"
            (at.disk / f"tree/{n:02}/{name}").write_text("\n".join(lines) + "\n")
    return f"{at.path}/tree"


def in_tree(path: str) -> str:
    """The end of a path, for some packages show it from the root and others from the folder."""
    return "/".join(path.split("/")[-2:])


def unique_seconds(at: Place) -> str:
    return f"600.{int(at.word, 16)}"


def runs(seconds: str, expected: bool) -> bool:
    """Whether a `sleep` of so many seconds runs, in whatever sandbox, after a second at most."""
    wanted, deadline = f"sleep\0{seconds}\0".encode(), time.monotonic() + 1
    while (wanted in command_lines()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    return wanted in command_lines()


def command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            lines.append(path.read_bytes())
    return lines
