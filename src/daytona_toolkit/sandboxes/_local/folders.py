"""The folders that a local sandbox makes for itself, and how they are removed.

What commands left in them is not to be trusted: links that lead out, folders that are closed or
thousands of levels deep.
"""

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
import time
from itertools import count
from pathlib import Path

from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.sandboxes._local.system import lies_in

with contextlib.suppress(ImportError):  # Windows: no sandbox is opened there
    import fcntl

logger = logging.getLogger("daytona_toolkit")

_PREFIX = "daytona-toolkit-"

# Seconds in which a new folder may be without its owner's lock.
_NEW = 60
_LOCK = ".lock"

# Folders that are no workspace, and those of the kernel, which hold none either.
_NO_WORKSPACE = ("/", "/etc", "/usr", "/run")
_OF_KERNEL = ("/proc", "/sys", "/dev")


class OwnFolder:
    """A folder for temporary files, which is removed at the end.

    Its maker holds a lock on a file in it as long as it lives, so that what a killed client
    leaves behind can be told from what is in use. The folder itself is for others to lock.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        try:
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            self.path.rmdir()
            raise
        # Some network file systems have no locks. What is left there stays.
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Remove the folder, and nothing that something in it leads to."""
        remove(self.path)
        os.close(self._lock)


def remove_leftovers() -> None:
    """Remove the folders of clients that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if is_ours and time.time() - found.st_mtime > _NEW:
                _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        logger.info("removing what a client that was killed left behind: %s", path)
        remove(path)
    finally:
        os.close(lock)


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, as far as we may, following no link.

    Folders are moved up before they are emptied, so no depth is too deep and each is reached
    by its name in one open folder, which nothing can turn into a link on the way.
    """
    try:
        top = _open_folder(str(path), None)
    except OSError:
        return
    names = count()
    try:
        while folders := _empty(top, top, names):
            for name in folders:
                try:
                    inner = _open_folder(name, top)
                except OSError:
                    return  # it cannot be removed, then
                try:
                    _empty(inner, top, names)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    except OSError as error:
        logger.warning("%s could not be removed: %s", path, error)
    finally:
        os.close(top)
    with contextlib.suppress(OSError):
        path.rmdir()


def _empty(folder: int, top: int, names: "count[int]") -> list[str]:
    """Remove the files of a folder and move its folders to the top; the top's folders."""
    folders = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
        elif folder == top:
            folders.append(name)
        else:
            os.close(_open_folder(name, folder))  # a closed one cannot be moved
            os.rename(
                name, f".{next(names)}-{os.urandom(6).hex()}", src_dir_fd=folder, dst_dir_fd=top
            )
    return folders


def _open_folder(name: str, parent: int | None) -> int:
    """Open a folder that is ours, and no link, so that it can be emptied."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    if hasattr(os, "O_PATH"):
        # Its mode is changed through what was opened, which cannot be exchanged for a link.
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            if os.fstat(handle).st_mode & 0o700 != 0o700:
                os.chmod(f"/proc/self/fd/{handle}", 0o700)
            return os.open(".", flags, dir_fd=handle)
        finally:
            os.close(handle)
    if os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode & 0o700 != 0o700:
        os.chmod(name, 0o700, dir_fd=parent, follow_symlinks=False)
    return os.open(name, flags, dir_fd=parent)


def kept_home(folder: Path) -> Path | None:
    """The home folder that goes with a workspace, from one session to the next.

    Returns:
        The folder; None where this user has no place to keep one.
    """
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    try:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
        home = base / "daytona-toolkit" / "homes" / f"{folder.name}-{mark}"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):  # the second where nobody knows of a home
        return None
    return home.resolve() if os.access(home, os.W_OK) else None


def usable(argument: str, path: Path) -> Path:
    """A folder that a caller named, made if it is missing.

    Args:
        argument: What it was given as, for the message.
        path: The folder.

    Raises:
        InvalidArgumentError: It cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        path = path.resolve()
    except FileExistsError:
        raise InvalidArgumentError(
            f"{argument}={str(path)!r} is a file; give the path of a folder."
        ) from None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "its links go in a circle"
        raise InvalidArgumentError(
            f"{argument}={str(path)!r} cannot be made: {why}. Give the path of a folder that you "
            "can write."
        ) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise InvalidArgumentError(
            f"{argument}={str(path)!r} cannot be written by you; change its mode, or give "
            "another folder."
        )
    if str(path) in _NO_WORKSPACE or lies_in(str(path), _OF_KERNEL):
        raise InvalidArgumentError(
            f"{argument}={str(path)!r} belongs to the system; give a folder of your own."
        )
    return path
