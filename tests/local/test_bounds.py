"""How much of the machine a sandbox may take, and that what takes too much is ended."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, Limits, LocalSandbox, SandboxSession
from daytona_toolkit.errors import WriteFailedError
from daytona_toolkit.testing._conformance.copies import recorded
from tests.local.victim import NOBODY, victim
from tests.support import lacks, needs

MIB = 1024 * 1024


@contextmanager
def bounded(**bounds: int) -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox(isolation="bubblewrap", **bounds)) as session:  # type: ignore[arg-type]
        yield session


def test_too_many_processes_are_ended_and_the_command_is_told() -> None:
    with bounded(processes=60) as session:
        session.exec("sleep 100 & echo kept >file")
        started = time.monotonic()
        result = session.exec("for n in $(seq 300); do sleep 100 & done; wait", timeout=60)
        assert time.monotonic() - started < 50
        assert result.exit_code == 137
        assert "more than 60 processes and threads ran in the sandbox" in result.stderr
        assert session.exec("cat file").stdout == "kept\n"
        assert session.exec("ls /proc | grep -c '^[0-9]'").stdout.strip() < "60"


def test_threads_count_as_well() -> None:
    program = (
        "import threading, time\n"
        "while True: threading.Thread(target=time.sleep, args=(60,)).start()"
    )
    with bounded(processes=100) as session:
        result = session.exec(f'python3 -c "{program}"', timeout=60)
        assert result.exit_code not in (0, None)
        assert not result.timed_out
        assert session.exec("echo fine").stdout == "fine\n"


@pytest.mark.slow
def test_a_fork_bomb_is_ended() -> None:
    """As an ordinary user, whom the kernel bounds as well: the machine is not put at risk."""
    try:
        with victim("bubblewrap", NOBODY) as attacked:
            _, output = attacked.try_it("bomb() { bomb | bomb & }; bomb; sleep 100")
            assert "processes" in output or "fork" in output
            deadline = time.monotonic() + 30
            while not (ended := attacked.try_it("echo fine")[1].startswith("fine\n")):
                assert time.monotonic() < deadline
            assert ended
    except PermissionError:
        lacks("another user", "only root can become one")


def test_one_process_cannot_take_all_memory() -> None:
    with bounded(memory=200 * MIB) as session:
        result = session.exec("tail /dev/zero", timeout=60)
        assert result.exit_code not in (0, None)
        assert not result.timed_out
        assert session.exec("echo fine").stdout == "fine\n"


def test_many_processes_cannot_either() -> None:
    hold = "import time; x = bytearray(b'x') * (80 * 2**20); time.sleep(60)"
    with bounded(memory=200 * MIB) as session:
        result = session.exec(
            f'for n in 1 2 3 4 5; do python3 -c "{hold}" & done; wait', timeout=60
        )
        assert result.exit_code == 137
        assert "used more than 209,715,200 bytes of memory" in result.stderr
        assert session.exec("echo fine").stdout == "fine\n"


def test_what_processes_share_counts_once() -> None:
    hold = (
        "import os, time; x = bytearray(b'x') * (60 * 2**20)\n"
        "for n in range(5):\n    os.fork() or (time.sleep(1), os._exit(0))\n"
        "time.sleep(1.5); print('done')"
    )
    with bounded(memory=200 * MIB) as session:
        assert session.exec(f'python3 -c "{hold}"').stdout == "done\n"


@pytest.mark.parametrize("isolation", ["bubblewrap", "landlock", "none"])
def test_files_are_bounded_in_number_and_size(isolation: str) -> None:
    sandbox = LocalSandbox(isolation=isolation, open_files=50, file_bytes=64 * MIB)  # type: ignore[arg-type]
    with SandboxSession(sandbox) as session:
        assert session.exec("ulimit -n").stdout == "50\n"
        assert session.exec("ulimit -n 51").exit_code != 0
        assert session.exec("head -c 70000000 /dev/zero >file").exit_code != 0
        assert session.exec("stat -c %s file").stdout == f"{64 * MIB}\n"


def test_a_bound_on_files_below_that_on_streams_holds_for_both() -> None:
    sandbox = LocalSandbox(isolation="bubblewrap", file_bytes=64 * MIB)
    with SandboxSession(sandbox, limits=Limits(stream_bytes=128 * MIB)) as session:
        assert session.exec("echo hi; echo err >&2").output == "hi\nerr\n"
        result = session.exec("yes", timeout=60)
        assert (result.exit_code, result.stopped_writing) == (141, True)


@contextmanager
def small_disk(size: str = "size=1m") -> Iterator[Path]:
    """A folder that takes a megabyte, or so many files (`nr_inodes`)."""
    with tempfile.TemporaryDirectory() as parent:
        small = Path(parent, "small")
        small.mkdir()
        mount = [needs("mount"), "-t", "tmpfs", "-o", size, "tmpfs", str(small)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            lacks("a small file system", "only root can mount one here")
        try:
            yield small
        finally:
            subprocess.run(["umount", str(small)], check=True)


@pytest.fixture
def squeezed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxSession]:
    """A session whose folder for temporary files takes a megabyte."""
    with small_disk() as small:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        with SandboxSession(LocalSandbox(tmp_path)) as session:
            yield session


def test_a_disk_that_is_full_again_and_again_costs_no_exit_code(squeezed: SandboxSession) -> None:
    filler = squeezed.exec("echo $TMPDIR/filler").stdout.strip()
    for _ in range(8):
        full = squeezed.exec(f"head -c 9000000 /dev/zero >{filler}; echo $?")
        assert full.exit_code == 0
        assert full.stdout == "1\n" or full.disk_full
        squeezed.write(filler, "")


def test_a_full_folder_for_temporary_files_lets_no_change_be_made_twice(
    squeezed: SandboxSession, tmp_path: Path
) -> None:
    squeezed.write("file", "one\n")
    filler = Path(squeezed.exec("echo $TMPDIR/filler").stdout.strip())
    with suppress(OSError), filler.open("wb", 0) as file:
        while file.write(bytes(1024)):
            pass
    send = squeezed.sandbox.run

    async def send_twice(program: str, *, timeout: float) -> bytes:
        await send(program, timeout=timeout)
        return await send(program, timeout=timeout)

    squeezed.sandbox.run = send_twice  # type: ignore[method-assign]
    assert squeezed.edit("file", "one", "one two").occurrences == 1
    assert (tmp_path / "file").read_text() == "one two\n"
    assert squeezed.write("new", "text\n", if_version="").created


def test_what_does_not_fit_is_told_by_a_sandbox_that_a_command_reaches(tmp_path: Path) -> None:
    with (
        small_disk() as small,
        SandboxSession(CommandSandbox(["env", f"TMPDIR={small}", "sh"]), root=tmp_path) as session,
    ):
        with pytest.raises(WriteFailedError, match=r"^3,000,000 bytes do not fit into .*tempor"):
            session.write("large", "x" * 3_000_000)
        assert list(small.rglob("upload-*")) == []


def fill_with_files(disk: Path) -> None:
    with suppress(OSError):
        for number in count():
            (disk / f"filler-{number}").touch(exist_ok=True)


def test_a_disk_that_takes_no_more_files_lets_no_late_copy_run(tmp_path: Path) -> None:
    with (
        small_disk("nr_inodes=60") as small,
        SandboxSession(CommandSandbox(["env", f"TMPDIR={small}", "sh"]), root=tmp_path) as session,
    ):
        with recorded(session) as copies:
            session.exec("echo ran >>log")
            session.write("file", "old\n")
        session.write("file", "new\n")
        # More than a session remembers of the past.
        for number in range(70):
            fill_with_files(small)
            session.write("another", str(number))
        for filler in small.glob("filler-*"):
            filler.unlink()
        copies.arrive(session)
        assert (tmp_path / "log").read_text() == "ran\n"
        assert (tmp_path / "file").read_text() == "new\n"


def test_none_is_no_bound() -> None:
    sandbox = LocalSandbox(processes=None, memory=None, open_files=None, file_bytes=None)
    with SandboxSession(sandbox) as session:
        assert session.exec("ulimit -f; ulimit -d").stdout == "unlimited\nunlimited\n"


def test_a_crash_tells_no_program_of_the_host() -> None:
    with SandboxSession(LocalSandbox()) as session:
        limits = session.exec("grep 'core file' /proc/self/limits").stdout
        assert limits.split()[4:6] == ["1", "1"]


def test_a_full_disk_is_no_end() -> None:
    with small_disk() as small, SandboxSession(LocalSandbox(small)) as session:
        full = session.exec("LC_ALL=C head -c 9000000 /dev/zero >filler; echo $?")
        assert full.stdout == "1\n"
        assert "No space left" in full.stderr
        assert session.exec("rm filler && echo more >file; cat file").stdout == "more\n"


def test_a_full_folder_for_temporary_files_is_none_either(squeezed: SandboxSession) -> None:
    # One line can still fit into what another program gives back meanwhile; thousands cannot.
    full = squeezed.exec("head -c 9000000 /dev/zero >$TMPDIR/filler; seq 20000")
    assert full.disk_full
    assert "the disk is full, so some of its output was lost" in full.text()
    with pytest.raises(WriteFailedError, match=r"^700,000 bytes do not fit into .*tempor"):
        squeezed.write("large", "x" * 700_000)
    assert squeezed.write("small", "text\n").created
    assert squeezed.read("small").content == "text\n"
    assert squeezed.exec("rm $TMPDIR/filler; echo fine").stdout == "fine\n"
    assert squeezed.write("large", "x" * 700_000).size == 700_000
