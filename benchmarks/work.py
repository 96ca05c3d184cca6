"""The work: what is asked of every peer, and how its answer is checked.

A piece of work is a generator. It prepares the files on disk, yields the call that is
counted and timed, is sent what came back, and asserts that it is right, on disk too: the
sandboxes of the test server are folders of this machine. Calls that come before and do
not count are yielded as `Before`.
"""

import re
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import NotOfferedError, Output

Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Before:
    """A call that comes before the one that counts."""

    call: Call


@dataclass(frozen=True)
class Work:
    """A piece of work.

    Attributes:
        title: Its row in the tables.
        needs: The peer's methods that it takes.
        run: The generator, given a folder of its own and a word to tell this turn by.
        turns: How often it is done under a condition; the fewer, the longer it takes.
    """

    title: str
    needs: Sequence[str]
    run: Callable[[Path, str], Generator[Any, Any, None]]
    turns: int

    @property
    def heavy(self) -> bool:
        """Whether it takes seconds."""
        return self.turns < 3


WORK: dict[str, Work] = {}

PARALLEL = 100


def work(title: str, *needs: str, turns: int = 4) -> Callable[[Any], Any]:
    def add(run: Any) -> Any:
        WORK[run.__name__] = Work(title, needs, run, turns)
        return run

    return add


@work("exec: echo", "exec", turns=12)
def exec_echo(folder: Path, nonce: str) -> Generator[Any, Output, None]:
    answer = yield lambda peer: peer.exec(f"echo {nonce}")
    ended(answer, f"{nonce}\n")


@work("exec: 2 s", "exec", turns=2)
def exec_2_s(folder: Path, nonce: str) -> Generator[Any, Output, None]:
    answer = yield lambda peer: peer.exec(f"sleep 2; echo {nonce}")
    ended(answer, f"{nonce}\n")


@work("exec: 100 KB of output", "exec")
def exec_100_kb(folder: Path, nonce: str) -> Generator[Any, Output, None]:
    answer = yield lambda peer: peer.exec(f"seq -f '{nonce} %012.0f' 4700")
    ended(answer, numbered(nonce, 1, 4700))


@work("exec: 50 MB of output", "exec", turns=2)
def exec_50_mb(folder: Path, nonce: str) -> Generator[Any, Output, None]:
    answer = yield lambda peer: peer.exec(f"seq -f '{nonce} %036.0f' 1100000")
    ended(answer, numbered(nonce, 1, 1_100_000, 36))


@work("read: small file", "read")
def read_small(folder: Path, nonce: str) -> Generator[Any, str, None]:
    (folder / "small.txt").write_text(numbered(nonce, 1, 60))
    text = yield lambda peer: peer.read(f"{folder}/small.txt")
    assert lines_of(nonce, text) == list(range(1, 61)), "other lines than those of the file"


@work("read: second page", "read")
def read_page(folder: Path, nonce: str) -> Generator[Any, str, None]:
    (folder / "pages.txt").write_text(numbered(nonce, 1, 5000))
    text = yield lambda peer: peer.read(f"{folder}/pages.txt", 501, 500)
    assert lines_of(nonce, text) == list(range(501, 1001)), "other lines than those asked for"


@work("read: page in 100 MB", "read", turns=2)
def read_100_mb(folder: Path, nonce: str) -> Generator[Any, str, None]:
    big, word = folder / "big.txt", "big"
    if not big.exists():
        with big.open("w") as file:
            for start in range(1, 1_000_001, 10_000):
                file.write(numbered(word, start, start + 9999, 95))
    text = yield lambda peer: peer.read(str(big), 500_001, 200)
    assert lines_of(word, text) == list(range(500_001, 500_201)), "other lines than those asked for"


@work("write: 1 KB", "write")
def write_1_kb(folder: Path, nonce: str) -> Generator[Any, None, None]:
    yield from writing(folder / "new" / f"{nonce}.py", program(nonce, 1_000))


@work("write: 1 MB", "write")
def write_1_mb(folder: Path, nonce: str) -> Generator[Any, None, None]:
    yield from writing(folder / "large.py", program(nonce, 1_000_000))


def writing(path: Path, content: str) -> Generator[Any, None, None]:
    yield lambda peer: peer.write(str(path), content)
    assert path.read_text() == content, "the file has another content"


@work("edit: small file, seen", "edit", "read")
def edit_seen(folder: Path, nonce: str) -> Generator[Any, Any, None]:
    path = folder / f"seen-{nonce}.py"
    path.write_text(program(nonce, 4_000))
    yield Before(lambda peer: peer.read(str(path)))
    yield from editing(path, nonce)


@work("edit: small file, unseen", "edit")
def edit_unseen(folder: Path, nonce: str) -> Generator[Any, None, None]:
    path = folder / f"unseen-{nonce}.py"
    path.write_text(program(nonce, 4_000))
    yield from editing(path, nonce)


@work("edit: 5 MB file, page seen", "edit", "read")
def edit_5_mb_seen(folder: Path, nonce: str) -> Generator[Any, Any, None]:
    path = folder / f"five-seen-{nonce}.py"
    path.write_text(program(nonce, 5_000_000))
    marked = path.read_text().split("\n").index(f"MARK = '{nonce}'") + 1
    yield Before(lambda peer: peer.read(str(path), marked - 100, 200))
    yield from editing(path, nonce)
    path.unlink()


@work("edit: 5 MB file, unseen", "edit")
def edit_5_mb_unseen(folder: Path, nonce: str) -> Generator[Any, None, None]:
    path = folder / f"five-unseen-{nonce}.py"
    path.write_text(program(nonce, 5_000_000))
    yield from editing(path, nonce)
    path.unlink()


def editing(path: Path, nonce: str) -> Generator[Any, None, None]:
    before = path.read_text()
    old, new = f"MARK = '{nonce}'\n", f"MARK = 'edited {nonce}'\n"
    assert before.count(old) == 1
    yield lambda peer: peer.edit(str(path), old, new)
    assert path.read_text() == before.replace(old, new), "the file has another content"


@work("grep: 300 files", "grep")
def grep(folder: Path, nonce: str) -> Generator[Any, list[tuple[str, int]], None]:
    found = yield lambda peer: peer.grep(str(tree(folder)), "needle")
    expected = {(f"{folder}/tree/{n:02}/module_{n:02}.py", 20) for n in range(0, 30, 3)}
    assert set(found) == expected, "other matches than there are"


@work("glob: 300 files", "glob")
def glob(folder: Path, nonce: str) -> Generator[Any, list[str], None]:
    found = yield lambda peer: peer.glob(str(tree(folder)), "module_*.py")
    expected = {f"{folder}/tree/{n:02}/module_{n:02}.py" for n in range(30)}
    assert set(found) == expected, "other files than there are"


@work("ls", "ls")
def ls(folder: Path, nonce: str) -> Generator[Any, list[str], None]:
    found = yield lambda peer: peer.ls(str(tree(folder)))
    assert sorted(found) == [f"{n:02}" for n in range(30)], "other names than there are"


@work(f"{PARALLEL} commands of 2 s at once", "exec", turns=1)
def parallel(folder: Path, nonce: str) -> Generator[Any, list[Output], None]:
    commands = [f"sleep 2; echo {nonce}-{n}" for n in range(PARALLEL)]
    answers = yield lambda peer: peer.parallel(commands)
    for n, answer in enumerate(answers):
        ended(answer, f"{nonce}-{n}\n")


@work("exec: append a line", "exec")
def exec_append(folder: Path, nonce: str) -> Generator[Any, Output, None]:
    """Whether commands run twice shows in the file at the end."""
    runs = folder / "runs"
    yield lambda peer: peer.exec(f"echo {nonce} >>{runs}")
    assert nonce in runs.read_text().split(), "the command did not run"


def ended(answer: Output, expected: str) -> None:
    """The command ended well, and its output is there: whole, or one end of it and a word."""
    assert answer.exit_code in (0, None), f"exit code {answer.exit_code}: {answer.text[:200]}"
    if not answer.cut:
        assert answer.text.strip() == expected.strip(), f"other output: {answer.text[:200]!r}"
    else:
        head, tail = expected[:1000].split("\n")[0], expected[-1000:].split("\n")[-2]
        assert head in answer.text or tail in answer.text, "neither end of the output"


def numbered(word: str, first: int, last: int, width: int = 12) -> str:
    """Lines with a word and a number."""
    return "".join(f"{word} {n:0{width}}\n" for n in range(first, last + 1))


def lines_of(word: str, text: str) -> list[int]:
    """The numbers of such lines in a text, whatever gutter it has."""
    return [int(number) for number in re.findall(rf"\b{word} (\d+)", text)]


def program(nonce: str, size: int) -> str:
    """Source code of about a size, with quotes and blanks as source code has them."""
    line = "    print(f'{name!r} costs $%d, \"net\"' % (total * 2))  # a comment\\n\n"
    count = size // len(line) // 2
    body = f"def report(name, total):\n{line * count}MARK = '{nonce}'\n"
    return body + f"def again(name, total):\n{line * count}"


def tree(folder: Path) -> Path:
    """A folder of 30 folders of 10 files each."""
    root = folder / "tree"
    if not root.exists():
        for n in range(30):
            (root / f"{n:02}").mkdir(parents=True)
            for m in range(10):
                name = f"module_{n:02}.py" if m == 0 else f"notes_{m}.md"
                lines = [f"line {k} of {name}, about nothing in particular" for k in range(1, 41)]
                if m == 0 and n % 3 == 0:
                    lines[19] = "a needle in here"
                (root / f"{n:02}" / name).write_text("\n".join(lines) + "\n")
    return root


@dataclass
class Turn:
    """What became of one piece of work.

    Attributes:
        seconds: How long the call took.
        megabytes: How far the client's memory rose above what it held before, at the peak.
        outcome: `right`; `wrong`, when the answer or the file is; `failed`, when the package
            says so; `none`, when it does not offer this.
        why: Why not.
    """

    seconds: float = 0.0
    megabytes: float = 0.0
    outcome: str = "right"
    why: str = ""


def prepared(job: Generator[Any, Any, None], peer: Any) -> Call:
    """Run what comes before, and return the call that counts."""
    step = next(job)
    while isinstance(step, Before):
        step = job.send(step.call(peer))
    call: Call = step
    return call


def measured(job: Generator[Any, Any, None], call: Call, peer: Any) -> Turn:
    """Make the call, and check what came back."""
    turn = Turn()
    forget_peak()
    held = megabytes("VmRSS")
    started = time.perf_counter()
    try:
        answer = call(peer)
    except NotOfferedError as refusal:
        return Turn(outcome="none", why=str(refusal))
    except Exception as error:  # whatever a package raises is its answer
        turn.outcome, turn.why = "failed", f"{type(error).__name__}: {str(error)[:300]}"
    turn.seconds = time.perf_counter() - started
    turn.megabytes = max(0.0, megabytes("VmHWM") - held)
    if turn.outcome == "right":
        try:
            job.send(answer)
        except StopIteration:
            pass
        except AssertionError as error:
            turn.outcome, turn.why = "wrong", str(error)[:300]
    return turn


def megabytes(name: str) -> float:
    """What Linux says of this process: VmRSS, the memory that it holds, or VmHWM, its peak."""
    status = Path("/proc/self/status").read_text()
    [kilobytes] = re.findall(rf"{name}:\s+(\d+)", status)
    return int(kilobytes) / 1024


def forget_peak() -> None:
    """Let the peak begin anew."""
    Path("/proc/self/clear_refs").write_text("5")
