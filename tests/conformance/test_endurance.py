"""Files over a long day: histories, crashes, pages without end."""

import difflib
import inspect
import json
import random
import statistics
import string
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession
from tests.support import counting

pytestmark = pytest.mark.slow

COMMITS = 1000


@pytest.fixture
def local() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox()) as session:
        yield session


def git(folder: Path, *arguments: str, data: bytes | None = None) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def make_history(folder: Path) -> None:
    """A history of real source texts (of the standard library), changed as people change them."""
    chance = random.Random(2)
    sources = [textwrap, json.decoder, json.encoder, string, random, difflib]
    files = {f"{m.__name__}.py": inspect.getsource(m).encode() for m in sources}
    files["windows.txt"] = files["textwrap.py"].replace(b"\n", b"\r\n")
    files["latin.txt"] = "größer, schöner, weiter\n".encode("latin-1") * 50
    git(folder, "init", "-q", "-b", "main")
    stream = []
    for commit in range(1, COMMITS + 1):
        stream.append(b"commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nx\n" % commit)
        for name in (
            files if commit == 1 else chance.sample(sorted(files), chance.choice([1, 1, 2]))
        ):
            if commit > 1:
                files[name] = changed(files[name], chance)
            stream.append(b"M 100644 inline %s\ndata %d\n" % (name.encode(), len(files[name])))
            stream.append(files[name] + b"\n")
    git(folder, "fast-import", "--quiet", data=b"".join(stream))


def changed(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at, count = chance.randrange(len(lines)), chance.choice([0, 1, 1, 2, 5])
        kind = chance.random()
        if kind < 0.4:
            lines[at : at + 1] = [lines[at].replace(b"e", b"\xc3\xa9", 1)]
        elif kind < 0.7:
            lines[at:at] = chance.sample(lines, min(len(lines), count))
        elif len(lines) > 20:
            del lines[at : at + count]
    return b"".join(lines)


def stands_once(content: bytes, text: bytes) -> bool:
    first = content.find(text)
    return first >= 0 and content.find(text, first + 1) < 0


def edits(before: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The change of a file as replacements of texts that stand in it once, from top to bottom."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    done = b""
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            done += b"".join(new[j1:j2])
            continue
        rest = old[i2:]
        current = done + b"".join(old[i1:])
        above, below = 0, 0
        kept = done.splitlines(keepends=True)
        while True:
            head, tail = kept[len(kept) - above :], rest[:below]
            text = b"".join([*head, *old[i1:i2], *tail])
            if text and stands_once(current, text):
                yield text, b"".join([*head, *new[j1:j2], *tail])
                break
            above, below = min(above + 1, len(kept)), min(below + 1, len(rest))
        done += b"".join(new[j1:j2])


@pytest.mark.timeout(600)
def test_a_history_replayed_as_edits_gives_the_same_bytes(
    local: SandboxSession, tmp_path: Path
) -> None:
    make_history(tmp_path)
    commits = git(tmp_path, "rev-list", "--reverse", "main").decode().split()
    assert len(commits) == COMMITS
    files: dict[str, bytes] = {}
    requests: list[int] = []
    sizes: list[int] = []
    for commit in commits:
        changes = git(tmp_path, "diff-tree", "-r", "--root", "--name-only", commit).decode().split()
        for name in changes[1:]:
            content = git(tmp_path, "show", f"{commit}:{name}")
            if name not in files:
                local.write(name, content)
            else:
                for old, new in edits(files[name], content):
                    with counting(local) as count:
                        local.edit(
                            name,
                            old.decode("utf-8", "surrogateescape"),
                            new.decode("utf-8", "surrogateescape"),
                        )
                    requests.append(count.requests)
                    sizes.append(count.sent)
            files[name] = content
    for name, content in files.items():
        assert local.read_bytes(name) == content
    once = sum(count == 1 for count in requests)
    print(
        f"\n{COMMITS} commits: {len(requests)} edits, {once} in one request, "
        f"median of {statistics.median(sizes):,.0f} bytes sent"
    )
    assert len(requests) > COMMITS
    assert once == len(requests)


def test_a_client_killed_in_the_middle_of_a_write_leaves_the_old_or_the_new(
    tmp_path: Path,
) -> None:
    chance = random.Random(3)
    code = (
        "import sys; from daytona_toolkit import *\n"
        f"with SandboxSession(LocalSandbox({str(tmp_path)!r})) as session:\n"
        "    print('ready', flush=True)\n"
        "    for i in range(10_000):\n"
        "        session.write(f'f{i % 200}', str(i % 10) * 150_000)\n"
    )
    for i in range(200):
        (tmp_path / f"f{i}").write_bytes(b"9" * 150_000)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as client:
            assert client.stdout
            client.stdout.readline()
            with_chance = chance.uniform(0.05, 1.5)
            try:
                client.wait(with_chance)
            except subprocess.TimeoutExpired:
                client.kill()
        for i in range(200):
            content = (tmp_path / f"f{i}").read_bytes()
            assert content in [digit.encode() * 150_000 for digit in "0123456789"]


def test_a_hundred_pages_of_a_gigabyte_leave_memory_as_it_was() -> None:
    code = (
        "import resource; from daytona_toolkit import *\n"
        "with SandboxSession(LocalSandbox()) as session:\n"
        "    session.exec('yes \"a line of some sixty characters, which is what lines have\" |'\n"
        "                 ' head -c 1000000000 >big', timeout=120)\n"
        "    before, offset = None, 1\n"
        "    for page in range(100):\n"
        "        result = session.read('big', offset=offset)\n"
        "        offset = result.next_offset\n"
        "        if page == 20: before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    print(offset, after - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    offset, grown = map(int, done.stdout.split())
    assert offset > 50_000
    assert grown < 5_000


@pytest.mark.timeout(600)
def test_what_we_keep_in_a_sandbox_does_not_grow_with_operations(local: SandboxSession) -> None:
    sizes = []
    for _ in range(5):
        for number in range(80):
            local.write(f"file-{number % 20}", f"{number}\n" * 100)
            local.edit(f"file-{number % 20}", f"{number}\n", f"{number} edited\n", replace_all=True)
            local.exec(f"echo {number}; seq 100")
            local.exec("cat", stdin="x" * 1000)
        listed = local.exec('cd "$TMPDIR/.daytona-toolkit" && find . | wc -l && du -sk .').output
        sizes.append(tuple(int(line.split()[0]) for line in listed.splitlines()))
    print("files and KiB after each 320 operations:", sizes)
    files, kib = zip(*sizes, strict=True)
    assert max(files) < 300
    assert max(kib) < 1_500
