"""What happens at the worst moment: in the midst of a program, which is widened for it."""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from daytona_toolkit._cache import FileCache
from daytona_toolkit._cursors import Cursor, Cursors
from daytona_toolkit._ledger import Ledger
from daytona_toolkit._seen import SeenFiles
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import OutsideRootError
from tests.support import needs, replaced, running, unique_seconds


class Widened(CommandSandbox):
    """A machine whose programs meet something, at a moment that else takes microseconds.

    Args:
        folder: Where it keeps its files, and what it finds before the system's tools.
        moments: Pieces of programs, and what stands in their place. Variables have the names of the
            `.sh` files, and other ones where a program is sent.
    """

    def __init__(self, folder: Path, moments: dict[str, str]) -> None:
        super().__init__(["env", f"TMPDIR={folder}", f"PATH={folder}:{os.environ['PATH']}", "sh"])
        self.moments = moments
        self.unmet = set(moments)

    async def run(self, program: str, *, timeout: float) -> bytes:
        for piece, other in self.moments.items():
            before, program = program, replaced(program, piece, other)
            if program != before:
                self.unmet.discard(piece)
        return await super().run(program, timeout=timeout)


MakeWidened = Callable[..., SandboxSession[Widened]]


@pytest.fixture
def widened(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Make a session over a machine with such moments, all of which must come."""
    made: list[SandboxSession[Widened]] = []

    def make(moments: dict[str, str], *, confined: bool = False) -> SandboxSession[Widened]:
        sandbox = Widened(tmp_path, moments)
        made.append(SandboxSession(sandbox, root=tmp_path / "root", confined=confined))
        return made[-1]

    yield make
    for session in made:
        session.close()
        assert not session.sandbox.unmet


LOOK = '[ ! -e "$_job.killed" ] || exit 143'


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        # Longer than the end is waited for.
        ({LOOK: f"sleep 2; {LOOK}", "-ge 200": "-ge 10", "-lt 270": "-lt 20"}, "running"),
        ({LOOK: f"{LOOK}; sleep 0.5"}, "exited"),
    ],
    ids=["before it looks", "after it has looked"],
)
def test_a_command_that_is_ended_before_it_began_does_not_go_on(
    moments: dict[str, str], state: str, widened: MakeWidened
) -> None:
    session = widened(moments)
    job_id = session.exec("sleep 60; echo ran", background=True).job_id
    killed = session.kill(job_id)
    assert (killed.state, killed.stdout) == (state, "")
    deadline = time.monotonic() + 20
    while (status := session.job(job_id)).state == "running":
        assert time.monotonic() < deadline
    assert (status.exit_code, status.stdout) == (143, "")


class Overtaken(CommandSandbox):
    """A machine on which the start of a command arrives after the request that ends it."""

    late = ""

    async def run(self, program: str, *, timeout: float) -> bytes:
        if "echo ran" in program:
            self.late = program
            await asyncio.sleep(60)
        printed = await super().run(program, timeout=timeout)
        if self.late and "_KILL='yes'" in program:
            await super().run(self.late, timeout=timeout)
        return printed


async def test_a_start_that_arrives_after_the_end_starts_nothing(tmp_path: Path) -> None:
    sandbox = Overtaken(["env", f"TMPDIR={tmp_path}", "sh"])
    async with SandboxSession(sandbox, root=tmp_path) as session:
        call = asyncio.create_task(session.aexec("echo ran >file"))
        while not sandbox.late:
            await asyncio.sleep(0.01)
        cancelled = time.monotonic()
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        # There is no process to wait for.
        assert time.monotonic() - cancelled < 2
        assert not await session.aexists("file")


def test_the_number_of_an_ended_command_is_anybodys(tmp_path: Path) -> None:
    """The session of processes of a job that is over may have become that of others."""
    with SandboxSession(CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"])) as session:
        seconds = unique_seconds()
        other = session.exec(f"echo $$; exec sleep {seconds}", background=True).job_id
        ended = session.exec("true", background=True)
        assert session.job(ended.job_id, wait=5).state == "exited"
        assert ended.stdout_path
        leader = ended.stdout_path.removesuffix("out") + "leader"
        assert session.exec(f"test -e {leader}").exit_code == 0
        session.write(leader, session.job(other, wait=0.2).stdout)
        session.kill(ended.job_id)
        assert running(seconds)
        session.kill(other)


@pytest.mark.parametrize(
    ("opening", "operation"),
    [
        ('command exec 7<"./$_name"', lambda session: session.read("file").content),
        ('command exec 7<"$_file"', lambda session: session.grep("secret|own", "file").text()),
    ],
    ids=["read", "grep"],
)
def test_a_file_that_becomes_a_symlink_is_not_read_outside(
    opening: str,
    operation: Callable[[SandboxSession], str],
    widened: MakeWidened,
    tmp_path: Path,
) -> None:
    (tmp_path / "secret").write_text("secret\n")
    swap = f"rm -f file; ln -s {tmp_path / 'secret'} file; {opening}"
    session = widened({opening: swap}, confined=True)
    session.write("file", "own\n")
    seen = ""
    with suppress(OutsideRootError):
        seen = operation(session)
    assert "secret\n" not in seen
    assert (tmp_path / "root/file").is_symlink()


def test_where_no_folder_can_be_locked_writers_still_take_turns(
    widened: MakeWidened, tmp_path: Path
) -> None:
    """As on some network file systems."""
    stub = tmp_path / "flock"
    stub.write_text(f'#!/bin/sh\n[ ! -d /proc/self/fd/"$1" ] && exec {needs("flock")} "$@"\n')
    stub.chmod(0o755)
    session = widened({})
    session.write("file", "one\n")
    [lock] = tmp_path.glob(".daytona-toolkit/lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = threading.Thread(target=session.write, args=("file", "two\n"))
        writer.start()
        writer.join(1)
        assert writer.is_alive()
        assert (tmp_path / "root/file").read_text() == "one\n"
    writer.join(10)
    assert (tmp_path / "root/file").read_text() == "two\n"


def test_nobody_waits_for_what_is_tidied_up(widened: MakeWidened, tmp_path: Path) -> None:
    stub = tmp_path / "rm"
    stub.write_text(f'#!/bin/sh\nsleep 2; exec {needs("rm")} "$@"\n')
    session = widened({})
    session.exec("true")
    stub.chmod(0o755)
    started = time.monotonic()
    for _ in range(9):  # as many jobs are removed at once
        assert session.exec("true").exit_code == 0
    assert time.monotonic() - started < 2
    stub.unlink()


MOVE = 'mv -fT -- "$_temporary" "./$_name"'


def test_a_file_that_is_being_written_is_not_shown(widened: MakeWidened, tmp_path: Path) -> None:
    """What a killed writer leaves is not, either, and the next one removes it."""
    session = widened({MOVE: f'cp "$_temporary" "$_temporary.left"; {MOVE}'})
    session.exec("git init -q . && echo own >.dtk-own")
    session.write("file", "text\n")
    assert list((tmp_path / "root").glob(".dtk-*.left"))
    own = [".dtk-own", ".git", "file"]
    assert [entry.path for entry in session.ls().entries] == own
    assert [entry.path for entry in session.glob("*", hidden=True).entries] == own
    assert [match.path for match in session.grep("text", hidden=True).matches] == ["file"]
    assert session.download(".", tmp_path / "copy").notes == ()
    assert not list((tmp_path / "copy").glob(".dtk-*.left"))
    assert session.checkpoint().files == 2
    session.sandbox.moments.clear()
    session.write("file", "text\n")
    assert session.exec("ls -A").stdout.split() == [".dtk-own", ".git", "file"]


def make_files(folder: Path, names: str) -> Path:
    """A folder with a file for each letter."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text(f"{name}\n")
    return folder


MOVE_ALL = 'mv -f -- "$@" .'


def test_an_upload_that_was_killed_midway_goes_on_and_undoes_nothing(
    widened: MakeWidened, tmp_path: Path
) -> None:
    local = make_files(tmp_path / "local", "abcd")
    killed = (
        '{ [ -e "$_SESSION/once" ] || { true >"$_SESSION/once"; mv -- "$1" .; echo newer >a;'
        f" kill -9 $$; exit; }}; {MOVE_ALL}; }}"
    )
    session = widened({MOVE_ALL: killed})
    assert session.upload(local, ".").files == 4
    found = {path.name: path.read_text() for path in (tmp_path / "root").iterdir()}
    assert found == {"a": "newer\n", "b": "b\n", "c": "c\n", "d": "d\n"}


@pytest.mark.parametrize("move", [MOVE, MOVE_ALL])
def test_a_change_that_is_marked_is_made_though_another_tidies_up_first(
    widened: MakeWidened, tmp_path: Path, move: str
) -> None:
    """A writer is killed between its mark and the change; its request comes again."""
    local = make_files(tmp_path / "local", "abc")
    killed = (
        f'{{ [ -e "$_SESSION/once" ] || {{ true >"$_SESSION/once"; kill -9 $$; exit; }}; {move}; }}'
    )
    session, other = widened({move: killed}), widened({})
    other.open()
    send = session.sandbox.run

    async def tidied_up_first(program: str, *, timeout: float) -> bytes:
        answer = await send(program, timeout=timeout)
        await other.awrite("other", "text\n")
        return answer

    session.sandbox.run = tidied_up_first  # type: ignore[method-assign]
    if move == MOVE:
        session.write("a", "a\n")
    else:
        session.upload(local, ".")
    assert (tmp_path / "root/a").read_text() == "a\n"
    other.write("other", "text\n")
    assert not list((tmp_path / "root").glob(".dtk-*"))


def test_what_was_seen_of_files_is_bounded() -> None:
    cache = FileCache(100)
    cache.put("/a", b"a" * 40)
    cache.put("/b", b"b" * 40)
    assert cache.get("/a") == b"a" * 40
    cache.put("/c", b"c" * 40)
    assert (cache.get("/a"), cache.get("/b")) == (b"a" * 40, None)
    cache.put("/a", b"a" * 101)
    assert cache.get("/a") is None
    for number in range(200):
        cache.put(f"/empty-{number}", b"")
    assert cache.get("/empty-0") is None
    assert cache.get("/empty-199") == b""


def test_jobs_that_were_looked_at_are_remembered_up_to_a_bound() -> None:
    """Ids come from the model, and most may be made up."""
    cursors = Cursors()
    seen = Cursor({"stdout": 3, "stderr": 0})
    for number in range(1000):
        cursors.put(f"job-{number:012}", seen)
    assert cursors.get("job-000000000000").seen["stdout"] == 0
    assert cursors.get("job-000000000999").seen["stdout"] == 3
    assert sum(cursors.get(f"job-{number:012}").seen["stdout"] for number in range(1000)) < 3000 / 3


def test_versions_that_an_agent_was_shown_are_remembered_up_to_a_bound() -> None:
    class Place:
        """Stands for a workspace."""

    seen, place = SeenFiles(), cast("Workspace", Place())
    for number in range(10_001):
        seen.put(place, f"/{number}", "1-2-3")
    assert seen.get(place, "/0") is None
    assert seen.get(place, "/1") == seen.get(place, "/10000") == "1-2-3"
    assert seen.get(cast("Workspace", Place()), "/1") is None


def test_what_a_request_takes_along_to_be_removed_is_in_no_list_any_more() -> None:
    ledger = Ledger(kept_jobs=1, kept_bytes=100)
    for name in "abcdefgh":
        ledger.remove(name)
    assert ledger.is_removed("a")
    with ledger.number() as number:
        assert ledger.removals(number) == {"floor": "1", "forget": "a b c d e f g h", "closed": ""}
    assert ledger.is_removed("a")
    assert not ledger.is_removed("i")
    with ledger.number() as number:
        assert ledger.removals(number) == {"floor": "", "forget": "", "closed": ""}


def test_what_a_refused_request_was_to_remove_is_left_to_a_later_one() -> None:
    ledger = Ledger(kept_jobs=1, kept_bytes=100)
    for name in "abcdefgh":
        ledger.remove(name)
    with ledger.number() as refused:
        ledger.removals(refused)
        ledger.close(refused)
    lost = ledger.number()
    assert ledger.removals(lost.__enter__())["forget"] == "a b c d e f g h"
    assert not lost.__exit__(OSError, OSError("lost"), None)
    with ledger.number() as number:
        assert ledger.removals(number)["forget"] == "a b c d e f g h"
    assert ledger.pop_all() == ""


def test_no_floor_is_raised_over_a_request_that_is_under_way() -> None:
    ledger = Ledger(kept_jobs=1, kept_bytes=100)
    with ledger.number() as first:
        for _ in range(100):
            with ledger.number() as number:
                assert ledger.removals(number)["floor"] in ("", str(first))
    with ledger.number() as last:
        assert ledger.removals(last)["floor"] == "102"


def test_a_request_that_was_refused_is_closed_by_name_until_the_floor_is_above_it() -> None:
    ledger = Ledger(kept_jobs=1, kept_bytes=100)
    with ledger.number():
        with ledger.number() as refused:
            ledger.close(refused)
        for _ in range(2):  # the first may be lost
            with ledger.number() as number:
                removals = ledger.removals(number)
                assert (removals["floor"], removals["closed"]) == ("", f"closed.{refused}")
    with ledger.number() as number:
        assert ledger.removals(number) == {"floor": str(number), "forget": "", "closed": ""}
    with ledger.number() as number:
        assert ledger.removals(number)["floor"] == ""


@pytest.mark.parametrize(
    ("moment", "code"),
    [('LC_ALL=C mkfifo "$_job.done"', None), ('echo $! >"$_job.supervisor"', 3)],
)
def test_a_command_whose_start_is_cut_off_has_run_or_is_lost(
    widened: MakeWidened, tmp_path: Path, moment: str, code: int | None
) -> None:
    ended = f"{{ ! mkdir {tmp_path}/met || {{ sleep 0.1; kill -9 $$; }}; }}"
    session = widened({moment: f"{ended} && {moment}"})
    started = time.monotonic()
    result = session.exec("echo ran >>file; sleep 0.5; exit 3", timeout=30)
    assert time.monotonic() - started < 10
    assert (result.exit_code, result.timed_out) == (code, False)
    assert session.exists("file") is (code == 3)


def test_a_command_for_which_there_is_no_process_leaves_none(
    widened: MakeWidened, tmp_path: Path
) -> None:
    """A shell that cannot fork ends, in the midst of what it does."""
    start = '(become "$@") <'
    session = widened({start: f"exit 2; {start}"})
    began = time.monotonic()
    assert session.exec("echo hi").exit_code is None
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 5
    while left := started_in(tmp_path):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def started_in(folder: Path) -> list[str]:
    """The processes of this machine that a `Widened` of the folder has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if f"TMPDIR={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
    return found
