"""Attacks on the helper itself: whatever a command does to it, calls return, and close works."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from daytona_toolkit import LocalSandbox, SandboxError, SandboxSession
from tests.local.attacks import FIND_HELPER

# Takes the helper's end of the socket, by its path and by a call, and does something with it.
_SOCKET = """
python3 - <<'EOF' &
import ctypes, os, socket, struct, time
helper = int(os.environ['helper'])
libc = ctypes.CDLL(None)
ends = []
for number in range(3, 50):
    end = libc.syscall(438, libc.syscall(434, helper, 0), number, 0)
    if end >= 0:
        ends.append(socket.socket(fileno=end))
for number in (0, 1):
    try:
        ends.append(os.fdopen(os.open(f'/proc/{helper}/fd/{number}', os.O_RDWR), 'r+b', 0))
    except OSError:
        pass
def send(data):
    for end in ends:
        try:
            end.sendall(data) if isinstance(end, socket.socket) else end.write(data)
        except OSError:
            pass
%s
EOF
sleep 1
"""

ATTACKS = {
    "stop": 'kill -STOP "$helper"',
    "kill": 'kill -9 "$helper"',
    "interrupt": 'for s in INT TERM HUP QUIT PIPE CHLD XFSZ; do kill -$s "$helper"; done',
    "trace": """
        python3 -c "
import ctypes, os, time
libc, helper = ctypes.CDLL(None), int(os.environ['helper'])
if libc.ptrace(0x4206, helper, 0, 0) == 0: libc.ptrace(0x4207, helper, 0, 0)
time.sleep(15)" &
        sleep 1""",
    "steal its input": 'cat "/proc/$helper/fd/0" >/dev/null & '
    + _SOCKET
    % "while True:\n    [end.recv(10**6) for end in ends if isinstance(end, socket.socket)]\n"
    "    time.sleep(0 if ends else 60)",
    "forge an answer": _SOCKET % "for n in range(1, 200): send(struct.pack('!QBiI', n, 2, 2, 0))",
    "malformed answer": 'printf garbage >"/proc/$helper/fd/1"; '
    + _SOCKET % "send(b'garbage' * 100)",
    "endless answer": _SOCKET
    % "send(struct.pack('!QBiI', 3, 0, 0, 2**32 - 1))\nfor _ in range(300): send(bytes(10**6))",
    "flood": 'head -c 300000000 /dev/zero >"/proc/$shell/fd/1" & sleep 1',
    "flood its errors": 'head -c 3000000 /dev/zero >"/proc/$helper/fd/2" & sleep 1',
    "stop its program": 'kill -STOP "$shell"; sleep 1',
    "hold a pipe open": 'exec 8>"/proc/$shell/fd/1"; (sleep 100 >&8) &',
    "exhaust descriptors": """
        for _ in 1 2 3; do
            python3 -c "
import os, time
try:
    while True: os.pipe()
except OSError: time.sleep(60)" &
        done
        sleep 1""",
    # At the levels that bound no processes these are too few to harm the machine.
    "exhaust processes": """
        python3 -c "
import os, time
try:
    for _ in range(2500):
        if os.fork() == 0: time.sleep(60)
except OSError: pass
time.sleep(60)" &
        sleep 2""",
    "exhaust memory": "python3 -c 'x = bytearray(10**10)'; tail /dev/zero",
}


def memory() -> int:
    """Bytes of memory that this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def returns_in_time(session: SandboxSession, command: str, expected: str) -> None:
    """A call gives a right result or one of our errors, within its timeout and five seconds."""
    started = time.monotonic()
    with suppress(SandboxError):
        result = session.exec(command, timeout=10)
        assert result.stdout == expected or result.timed_out
    assert time.monotonic() - started < 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "target"),
    [
        ("bubblewrap", "helper"),
        ("landlock", "helper"),
        ("landlock", "launcher"),
        ("none", "helper"),
    ],
)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_the_helper_holds_up_nobody(attack: str, level: str, target: str) -> None:
    sandbox = LocalSandbox(isolation=level, memory=2**30)  # type: ignore[arg-type]
    session = SandboxSession(sandbox)
    session.write("file", "content\n")
    assert sandbox._machine
    helper = sandbox._machine._process
    assert helper
    before = memory()
    started = time.monotonic()
    with suppress(SandboxError):
        session.exec(f"{FIND_HELPER}helper=${target}\n{ATTACKS[attack]}", timeout=10)
    assert time.monotonic() - started < 15
    for _ in range(3):
        returns_in_time(session, "cat file", "content\n")
    assert memory() - before < 400_000_000
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < 10
    # One that is traced cannot be waited for until its tracer has ended, so `close` may leave it.
    helper.wait(timeout=30)


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name != "exhaust memory"])
def test_under_bubblewrap_no_attack_on_the_helper_disturbs_others(attack: str) -> None:
    with SandboxSession(LocalSandbox(isolation="bubblewrap")) as session:
        try:
            session.exec(f"{FIND_HELPER}{ATTACKS[attack]}", timeout=10)
        except SandboxError:
            assert attack == "flood"  # of its own program
        assert session.exec("echo fine").stdout == "fine\n"
        assert session.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["STOP", "KILL"])
def test_under_landlock_what_starts_programs_is_replaced(name: str) -> None:
    attack = f"""
        for process in /proc/[0-9]*; do
            grep -aq '[_]local.helper' "$process/cmdline" && kill -{name} "${{process#/proc/}}"
        done 2>/dev/null; echo done"""
    with SandboxSession(LocalSandbox(isolation="landlock")) as session:
        assert session.exec(attack).stdout == "done\n"
        started = time.monotonic()
        assert session.exec("echo fine").stdout == "fine\n"
        assert time.monotonic() - started < 10
        job = session.exec("sleep 60", background=True)
        assert session.kill(job.job_id).exit_code == 143
