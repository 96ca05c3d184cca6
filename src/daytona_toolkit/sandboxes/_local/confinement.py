"""What confines the helper of a local sandbox: bubblewrap, Landlock, or nothing.

Each level is a way to start a program in a folder. What it guarantees is in the README.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from daytona_toolkit.errors import IsolationError

Isolation = Literal["auto", "bubblewrap", "landlock", "none"]
Level = Literal["bubblewrap", "landlock", "none"]

# What a program needs of the host: itself, its libraries, and how the system is set up.
_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store"]
_SETTINGS = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/fonts",
    "/etc/group",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/profile",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl",
    "/etc/zsh",
]

# Of the devices only these: the rest are disks and consoles.
_DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]

# Variables of the host that a program may know; all others may hold credentials.
_PASSED = ["LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ"]


@dataclass(frozen=True)
class Place:
    """Where a helper works.

    Attributes:
        folder: The workspace, writable.
        home: The home folder, writable.
        temporary: For temporary files, writable.
    """

    folder: Path
    home: Path
    temporary: Path


def choose(isolation: Isolation) -> Level:
    """The level to use.

    Raises:
        IsolationError: What was asked for does not work on this host.
    """
    if isolation == "none":
        if os.name != "posix":
            raise IsolationError(
                "A local sandbox runs sh, which this system lacks. Use DaytonaSandbox."
            )
        return "none"
    reasons = []
    if isolation in ("auto", "bubblewrap"):
        reason = _bubblewrap_fails()
        if not reason:
            return "bubblewrap"
        reasons.append(f"bubblewrap: {reason}")
    if isolation in ("auto", "landlock"):
        reason = _landlock_fails()
        if not reason:
            return "landlock"
        reasons.append(f"landlock: {reason}")
    raise IsolationError(
        f"Nothing here confines a local sandbox ({'; '.join(reasons)}). Install bubblewrap "
        "(`apt-get install bubblewrap`, `dnf install bubblewrap`) or Landlock support "
        '(`pip install "daytona-toolkit[local]"`), use DaytonaSandbox, or ask for no '
        'confinement at all with LocalSandbox(isolation="none").'
    )


def command(level: Level, place: Place) -> list[str]:
    """The command that starts the helper at a level."""
    helper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("helper.py"))]
    if level == "bubblewrap":
        return [*_bubblewrap(place), *helper, ""]
    if level == "landlock":
        helper.remove("-S")  # sandlock is an installed package
        allowed = {
            "readable": [*_existing(_SYSTEM + _SETTINGS), "/proc", *_python()],
            "writable": [
                *map(str, (place.folder, place.home, place.temporary)),
                *_existing(_DEVICES),
            ],
        }
        return [*helper, json.dumps(allowed)]
    return [*helper, ""]


def environment(place: Place) -> dict[str, str]:
    """The environment of the helper, and so of all that it runs."""
    # The Python that runs us is one that a workspace can count on.
    path = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join([*path, "/usr/local/sbin", "/usr/sbin", "/sbin"]),
        "HOME": str(place.home),
        "TMPDIR": str(place.temporary),
        "USER": "user",
        **{name: os.environ[name] for name in _PASSED if name in os.environ},
    }


def _bubblewrap(place: Place) -> list[str]:
    """The bubblewrap command: own mounts, processes and (no) network."""
    bound = [
        argument for path in _existing(_SYSTEM + _SETTINGS) + _python() for argument in _bind(path)
    ]
    writable = [
        argument
        for path in (place.home, place.temporary, place.folder)
        for argument in ("--bind", str(path), str(path))
    ]
    return [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--hostname",
        "sandbox",
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108
        *bound,
        *writable,
        *("--remount-ro", "/", "--chdir", str(place.folder), "--"),
    ]


def _bind(path: str) -> list[str]:
    if Path(path).is_symlink():
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind", path, path]


def _existing(paths: list[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(path)]


def _python() -> list[str]:
    """The folders of the Python that runs us, where the system's do not hold them."""
    helper = Path(__file__).parent
    prefixes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent]
    found: list[str] = []
    for path in [*prefixes, helper]:
        covered = any(path.is_relative_to(base) for base in [*_SYSTEM, *found])
        if not covered and path != Path("/"):
            found.append(str(path))
    return found


def _bubblewrap_fails() -> str:
    """Why bubblewrap does not work here; empty if it does."""
    if not shutil.which("bwrap"):
        return "it is not installed"
    trial = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or "it fails")


def _landlock_fails() -> str:
    """Why Landlock does not work here; empty if it does."""
    if not find_spec("sandlock"):
        return "the package sandlock is not installed"
    import sandlock

    have, need = sandlock.landlock_abi_version(), sandlock.min_landlock_abi()
    return "" if have >= need else f"the kernel has version {have} of it, {need} is needed"
