"""Attacks on the process that starts programs under Landlock, which commands can signal."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession
from daytona_toolkit.sandboxes._local.confinement import Level
from tests.local.attacks import FIND_HELPER, LANDLOCK, LEVELS, python
from tests.local.victim import USERS, Victim

# Seconds that a call of a victim may take: its timeout, and five.
_CALL = 25

# Seconds that an attack goes on beside other calls.
_WHILE = 2

_PRELUDE = f"""
import contextlib, signal, time
helper, launcher, shell = (int(os.environ[name]) for name in ("helper", "launcher", "shell"))
end = time.monotonic() + {_WHILE}
def children(process):
    with open(f"/proc/{{process}}/task/{{process}}/children") as listed:
        return [int(child) for child in listed.read().split()]
def again_and_again(parent, act, pause):
    mine = {{shell}}
    while time.monotonic() < end:
        for child in set(children(parent if parent == helper else children(helper)[0])) - mine:
            with contextlib.suppress(OSError):
                act(child)
        time.sleep(pause)
"""


def _beside(code: str) -> str:
    """A script that goes on in the background."""
    return python(_PRELUDE + code).replace("<<'EOF'", "<<'EOF' &", 1)


def _at_once(code: str) -> str:
    return python(_PRELUDE + code)


ATTACKS = {
    "stop it again and again": _beside(
        "again_and_again(helper, lambda p: os.kill(p, signal.SIGSTOP), 0.01)"
    ),
    "kill it again and again": _beside(
        "again_and_again(helper, lambda p: os.kill(p, signal.SIGKILL), 0.01)"
    ),
    "stop what it starts": _beside(
        "again_and_again(launcher, lambda p: os.kill(p, signal.SIGSTOP), 0)"
    ),
    "kill what it starts": _beside(
        "again_and_again(launcher, lambda p: os.kill(p, signal.SIGKILL), 0)"
    ),
    "trace what it starts": _beside(
        "again_and_again(launcher, lambda p: libc.ptrace(0x4206, p, 0, 0), 0)"
    ),
    "read what it starts before it is another program": _beside(
        "def read(p):\n"
        "    if 'python' in os.readlink(f'/proc/{p}/exe'): open(V + '/through', 'w')\n"
        "    with open(f'/proc/{p}/mem', 'rb'):\n"
        "        if 'python' in os.readlink(f'/proc/{p}/exe'): print('THROUGH')\n"
        "again_and_again(launcher, read, 0)"
    ),
    "end all": "kill -9 -1",
    "stop all": "kill -STOP -1",
    "end the helper's group": 'kill -9 -- "-$(ps -o pgid= -p "$helper" | tr -d " ")"',
    "stop the helper's group": 'kill -STOP -- "-$(ps -o pgid= -p "$helper" | tr -d " ")"',
    "all signals": 'for s in $(seq 64); do kill "-$s" "$launcher" && sleep 0.01; done 2>&-',
    "trace it": _at_once(
        "for process in (helper, launcher):\n"
        "    if libc.ptrace(0x4206, process, 0, 0) == 0: print('THROUGH')\n"
        "    if libc.ptrace(16, process, 0, 0) == 0: print('THROUGH')"
    ),
    "read it": _at_once(
        "for process in (helper, launcher):\n"
        "    for name in ('mem', 'maps', 'environ', 'fd/3', 'cwd', 'root', 'exe', 'stack'):\n"
        "        with contextlib.suppress(OSError):\n"
        "            path = f'/proc/{process}/{name}'\n"
        "            os.readlink(path) if os.path.islink(path) else open(path, 'rb').read(1)\n"
        "            print('THROUGH', path)"
    ),
    "write into it": _at_once(
        "class Part(ctypes.Structure):\n"
        "    _fields_ = [('start', ctypes.c_void_p), ('size', ctypes.c_size_t)]\n"
        "zeros = ctypes.create_string_buffer(8)\n"
        "part = ctypes.byref(Part(ctypes.addressof(zeros), 8))\n"
        "for process in (helper, launcher):\n"
        "    if libc.process_vm_writev(process, part, 1, part, 1, 0) >= 0: print('THROUGH')\n"
        "    if ctypes.get_errno() != 1: print('THROUGH', ctypes.get_errno())"
    ),
    "take its socket": _at_once(
        "for process in (helper, launcher):\n"
        "    for number in range(100):\n"
        "        if call(438, 438, call(434, 434, process, 0), number, 0) >= 0: print('THROUGH')"
    ),
    "limit it": _at_once(
        "for process in (helper, launcher):\n"
        "    for kind in range(16):\n"
        "        if libc.prlimit(process, kind, struct.pack('QQ', 1, 1), None) == 0:\n"
        "            print('THROUGH')"
    ),
    "give it children": _at_once(
        "pid = call(56, 220, 0x8000 | 17, 0, 0, 0, 0)\n"
        "if pid == 0: os._exit(0)\n"
        "if pid > 0: print('THROUGH')"
    ),
    "starve it": _beside(
        "for process in (launcher, helper):\n"
        "    with contextlib.suppress(OSError):\n"
        "        os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))\n"
        "    with contextlib.suppress(OSError): os.sched_setaffinity(process, {0})\n"
        "os.sched_setaffinity(0, {0})\n"
        "for _ in range(3): os.fork()\n"
        "while time.monotonic() < end: pass"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda name: name.replace(" ", "-"))
def test_an_attack_on_what_starts_programs_holds_up_nobody(
    attack: str, user: str, victims: Callable[[str, str], Victim]
) -> None:
    """All of them on one sandbox, which goes on."""
    victim = victims(LANDLOCK, user)
    begun = time.monotonic()
    through, output = victim.try_it(FIND_HELPER + ATTACKS[attack])
    while True:
        assert not through, output
        if output.startswith("fine\n") and time.monotonic() - begun > _WHILE + 1:
            break
        started = time.monotonic()
        assert started - begun < 2 * _CALL
        through, output = victim.try_it("echo fine")
        assert time.monotonic() - started < _CALL
        time.sleep(0.5)


@pytest.mark.parametrize("level", LEVELS)
def test_a_command_that_stops_all_holds_up_nobody(level: Level) -> None:
    with SandboxSession(LocalSandbox(isolation=level)) as session:
        started = time.monotonic()
        assert session.exec("kill -STOP -1; echo done", timeout=10).stdout == "done\n"
        assert session.exec("echo fine").stdout == "fine\n"
        assert time.monotonic() - started < 10


def test_programs_outlive_what_has_started_them() -> None:
    """Those that run, and one that has ended: each result is right."""
    kill = f'{FIND_HELPER} kill -9 "$launcher"; echo killed'
    with (
        SandboxSession(LocalSandbox(isolation="landlock")) as session,
        ThreadPoolExecutor() as pool,
    ):
        session.open()
        slow = [pool.submit(session.exec, f"sleep 2; echo {n}; exit {n}") for n in range(3)]
        time.sleep(1)
        assert session.exec(kill).stdout == "killed\n"
        assert session.exec("echo fine").stdout == "fine\n"
        results = [one.result(timeout=10) for one in slow]
        assert [(r.stdout, r.exit_code) for r in results] == [(f"{n}\n", n) for n in range(3)]
