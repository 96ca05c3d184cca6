"""What confines the commands of a local sandbox: bubblewrap, Landlock, or nothing.

Each level is a way to start the helper in a folder. What it guarantees is in SECURITY.md.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from daytona_toolkit.errors import InvalidArgumentError, IsolationError
from daytona_toolkit.sandboxes._local import bubblewrap, kernel, python
from daytona_toolkit.sandboxes._local.system import DEVICES, SETTINGS, SYSTEM, lies_in

Isolation = Literal["auto", "bubblewrap", "landlock", "none"]
Level = Literal["bubblewrap", "landlock", "none"]

# Where the system keeps its tools; NixOS and Guix have theirs in the last two.
_PATH = (
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    ":/run/current-system/sw/bin:/run/current-system/profile/bin"
)

# Whether AppArmor keeps user namespaces from programs that it has no profile for, as on Ubuntu.
_RESTRICTION = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")

# Variables of the host that a program may know; all others may hold credentials.
_PASSED = ["LANG", "LC_ALL", "LC_CTYPE", "TZ"]

# What programs do without a person: no colours, no pager, no question.
_UNATTENDED = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "CI": "1",
}


@dataclass(frozen=True)
class Bounds:
    """Limits on what a sandbox may use of the machine. None is no limit.

    Attributes:
        processes: Processes and threads at a time.
        memory: Bytes of memory.
        open_files: Files that one process may have open.
        file_bytes: Bytes of one file.
    """

    processes: int | None = None
    memory: int | None = None
    open_files: int | None = None
    file_bytes: int | None = None


@dataclass(frozen=True)
class Place:
    """Where a helper works.

    Attributes:
        folder: The workspace, writable.
        home: The home folder, writable.
        temporary: For temporary files, writable.
        readable: Further files and folders of the host that can be read.
        extra: Further folders that are writable.
        network: Whether the network of the host can be used.
        bounds: How much it may take of the machine.
    """

    folder: Path
    home: Path
    temporary: Path
    readable: Sequence[Path] = ()
    extra: Sequence[Path] = ()
    network: bool = False
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def writable(self) -> list[str]:
        """All folders that can be written; the workspace last, as it may lie in another."""
        return [str(path) for path in (*self.extra, self.home, self.temporary, self.folder)]


def check(isolation: str) -> None:
    """Refuse a name that no level has.

    Raises:
        InvalidArgumentError: There is no such level.
    """
    if isolation not in get_args(Isolation):
        known = ", ".join(map(repr, get_args(Isolation)))
        raise InvalidArgumentError(
            f"There is no isolation {isolation!r} of a local sandbox; choose one of {known}."
        )


def choose(isolation: Isolation) -> Level:
    """The level to use.

    Raises:
        IsolationError: What was asked for does not work on this host.
    """
    lacking = ""
    if os.name != "posix":
        lacking = "sh, which this system lacks"
    elif getattr(sys, "frozen", False) or not sys.executable:
        # What `sys.executable` names would start this program again, and that one the next.
        lacking = "Python, which a frozen or embedded program has no copy of"
    if lacking:
        raise IsolationError(
            f"A local sandbox runs {lacking}. Use DaytonaSandbox, for which open_session needs "
            "DAYTONA_API_KEY in the environment; or a container or WSL through CommandSandbox."
        )
    if isolation == "none":
        return "none"
    reasons = []
    for level, why_not in _CONFINING.items():
        if isolation in ("auto", level):
            if not (reason := why_not()):
                return level
            reasons.append(f"{level}: {reason}")
    ways = [*_namespaces(), "use DaytonaSandbox", "use a container through CommandSandbox"]
    raise IsolationError(
        f"Nothing here confines a local sandbox ({'; '.join(reasons)}). There are these ways: "
        f'{", ".join(ways)}, or ask for no confinement at all with isolation="none".'
    )


def _namespaces() -> list[str]:
    """How to allow user namespaces, where the system has them."""
    if sys.platform != "linux":
        return []
    try:
        restricted = _RESTRICTION.read_text().strip() == "1"
    except OSError:
        restricted = False
    how = f" with `sudo sysctl -w kernel.{_RESTRICTION.name}=0`" if restricted else ""
    container = "in a container: run it with a seccomp profile that permits them"
    return [f"allow user namespaces{how} ({container})"]


def command(level: Level, place: Place) -> list[str]:
    """The command that starts the helper at a level."""
    bounds = place.bounds
    settings: dict[str, object] = {"level": level, "bounds": vars(bounds)}
    if level == "landlock":
        settings["rules"] = {
            "readable": [*SYSTEM, *SETTINGS, "/proc", "/sys", *_readable(place)],
            "writable": [*place.writable, *DEVICES, "/dev/shm", "/dev/pts", "/tmp"],  # noqa: S108
            "network": place.network,
        }
    helper = [*python.helper(), json.dumps(settings)]
    if level != "bubblewrap":
        return helper
    program, _ = _bubblewrap()
    assert program is not None
    options = bubblewrap.options(
        folder=str(place.folder),
        writable=place.writable,
        readable=_readable(place),
        network=place.network,
        memory=bounds.memory,
    )
    return [program, *options, "--", *helper]


def environment(place: Place) -> dict[str, str]:
    """The environment of the helper, and so of all that it runs.

    Its tools are those of the system: a command can write to the environments of Python, and must
    not decide what a file operation answers.
    """
    # What commands can write is not for our own programs.
    libraries = [path for path in python.libraries() if not lies_in(path, place.writable)]
    return {
        "PATH": _PATH,
        **({"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}),
        "HOME": str(place.home),
        "TMPDIR": str(place.temporary),
        "USER": "user",
        "LOGNAME": "user",
        # Without it `script` and others start the shell of the account, and a service has none.
        "SHELL": shutil.which("bash", path=_PATH) or "/bin/sh",
        **_UNATTENDED,
        **{name: os.environ[name] for name in _PASSED if name in os.environ},
    }


def environment_of_commands(place: Place) -> dict[str, str]:
    """What differs for commands: they take the tools of the project, and of Python, first."""
    paths, variables = python.environment(place.folder, place.extra)
    return {"PATH": os.pathsep.join([*paths, _PATH]), **variables}


def _readable(place: Place) -> list[str]:
    return [*python.readable(place.folder), *map(str, place.readable)]


def _elsewhere() -> str:
    """Why nothing can confine on a machine such as this; empty if it is none."""
    if sys.platform == "linux" and kernel.supported():
        return ""
    return "it is for Linux on x86-64, arm64 and RISC-V, with a Python of 64 bits"


def _bubblewrap() -> tuple[str | None, str]:
    """The bubblewrap to use, or why there is none; one of them is empty."""
    reason = _elsewhere()
    return (None, reason) if reason else bubblewrap.find()


def _why_not_landlock() -> str:
    """Why Landlock does not work here; empty if it does."""
    if reason := _elsewhere():
        return reason
    have, need = kernel.Landlock.version(), kernel.Landlock.NEEDED_VERSION
    if have < need:
        return f"the kernel has version {have} of it, {need} is needed (Linux 6.12)"
    try:
        os.close(kernel.open_process(os.getpid()))
    except OSError:
        return "the system call pidfd_open is refused here"
    return ""


# The levels that confine, the better first; and why each does not work here, empty if it does.
_CONFINING: dict[Level, Callable[[], str]] = {
    "bubblewrap": lambda: _bubblewrap()[1],
    "landlock": _why_not_landlock,
}
