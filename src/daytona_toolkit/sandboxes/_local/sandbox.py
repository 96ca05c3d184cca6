"""A folder of this machine as a sandbox, confined."""

import contextlib
import errno
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from daytona_toolkit._workers import in_thread
from daytona_toolkit.errors import (
    InvalidArgumentError,
    PathDeniedError,
    PathNotFoundError,
    PreviewError,
    SandboxError,
    SandboxGoneError,
    SandboxUnavailableError,
    WriteFailedError,
)
from daytona_toolkit.sandboxes._local import bubblewrap, confinement, folders, git, virtualenv
from daytona_toolkit.sandboxes._local.confinement import Bounds, Isolation, Level, Place
from daytona_toolkit.sandboxes._local.folders import OwnFolder
from daytona_toolkit.sandboxes._local.machine import Completed, Machine

logger = logging.getLogger("daytona_toolkit")

GIB = 1024**3

PROCESSES = 2048
OPEN_FILES = 4096
FILE_BYTES = 16 * GIB
HALF_OF_MEMORY = None  # Windows, where none is opened
if hasattr(os, "sysconf"):
    HALF_OF_MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2

# Seconds that an upload may take.
_UPLOAD_TIME = 120.0

# Says why it failed in words that do not depend on the host's language. What is left of a file for
# which there was no space would take the last of it.
_UPLOAD = 'export LC_ALL=C; mkdir -p -- "${1%/*}/" && { cat >"$1" || { rm -f -- "$1"; exit 1; }; }'


class LocalSandbox:
    """A folder of this machine, and a confined helper process that runs programs in it.

    Args:
        folder: The workspace, `~` expanded; made if it is missing, left as it is at the end.
            Without one, the sandbox makes one of its own and removes it at the end.
        isolation: `"auto"` takes bubblewrap where it works, else Landlock with a warning, and
            refuses otherwise. `"none"` confines nothing: commands can do whatever you can.
        network: Whether commands may use this machine's network. Landlock bounds TCP alone.
        readable: Further files and folders that commands can read, and run programs of.
        home: The home folder of commands. Unless given, it is kept for the next sandbox on the
            same `folder`; without a `folder` it goes at the end.
        processes: How many processes and threads may run; with bubblewrap. None for no bound.
        memory: Bytes of memory: half of the machine's unless given, all processes together
            with bubblewrap, else each of them. None for no bound.
        open_files: How many files each process may have open. None for no bound.
        file_bytes: Bytes that one file may have, 64 MiB or more; a stream of a command is kept up
            to that, too. None for no bound.

    Attributes:
        id: `local:` and the folder.
        owned: True: at the end every process is ended, and what the sandbox made is removed.
        isolation: The level in force, once open; before, what was asked for.
        network: Whether commands may use it; always where nothing confines them.
        command_env: Variables that commands get, and the programs of a session do not, once open.

    Raises:
        InvalidArgumentError: An argument names nothing that can be used. What needs a look at
            the folders is said at opening.
        IsolationError: At opening, when the isolation asked for does not work here.

    Example:
        ```python
        with SandboxSession(LocalSandbox("./work")) as session:
            print(session.exec("ls -la").stdout)
        ```
    """

    owned = True

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        isolation: Isolation = "auto",
        network: bool = False,
        readable: Iterable[str | os.PathLike[str]] = (),
        home: str | os.PathLike[str] | None = None,
        processes: int | None = PROCESSES,
        memory: int | None = HALF_OF_MEMORY,
        open_files: int | None = OPEN_FILES,
        file_bytes: int | None = FILE_BYTES,
    ) -> None:
        confinement.check(isolation)
        if isinstance(readable, (str, os.PathLike)):
            raise InvalidArgumentError(f"readable={readable!r} is one path; give a list of paths.")
        self._given = None if folder is None else _path("folder", folder)
        self._home = None if home is None else _path("home", home)
        self._readable = [_path("readable", path) for path in readable]
        self._bounds = Bounds(
            processes=_bound("processes", processes, 16),
            memory=_bound("memory", memory, 16 * 1024**2),
            open_files=_bound("open_files", open_files, 16),
            file_bytes=_bound("file_bytes", file_bytes, 64 * 1024**2),
        )
        self.isolation: Isolation | Level = isolation
        self.network = network or isolation == "none"
        self.command_env: dict[str, str] = {}
        self.id = f"local:{self._given or 'temporary'}"
        self._machine: Machine | None = None
        self._own: OwnFolder | None = None
        self._kept: Path | None = None

    async def open(self) -> None:
        """Start the helper.

        Raises:
            InvalidArgumentError: A folder cannot be used.
            IsolationError: What was asked for does not confine anything here.
            SandboxUnavailableError: The helper could not be started, or its files not be made.
            SandboxGoneError: The helper ended at once.
        """
        try:
            try:
                level, place, variables = await in_thread(self._prepare)
                self._machine = Machine(place, level, environment=variables)
                await self._machine.start()
            except OSError as error:
                advice = (
                    "Make room in the folder for temporary files, or set TMPDIR to another one."
                )
                if error.errno in bubblewrap.SHORTAGES:
                    advice = "Close what is not needed, and try again."
                raise SandboxUnavailableError(
                    f"The local sandbox cannot be made: {error.strerror}. {advice}"
                ) from error
            self.command_env = confinement.environment_of_commands(place)
        except BaseException:
            await self.close()
            raise
        self.isolation = level
        self.id = f"local:{place.folder}"

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to `sh`, in the folder.

        Raises:
            SandboxUnavailableError: No answer came in time, or nothing could be started.
            SandboxFailedError: What came is no answer.
            SandboxGoneError: The helper has ended, or the folder was removed.
        """
        text = program.encode("utf-8", "surrogateescape")
        done = await self._do(["sh"], stdin=text, timeout=timeout)
        return done.output

    async def upload(self, path: str, data: bytes) -> None:
        """Write a file, and make the folders above it.

        Raises:
            PathNotFoundError, PathDeniedError, WriteFailedError: It cannot be written.
            SandboxUnavailableError: No answer came in time, or nothing could be started.
            SandboxGoneError: The helper has ended, or the folder was removed.
        """
        done = await self._do(["sh", "-c", _UPLOAD, "sh", path], stdin=data, timeout=_UPLOAD_TIME)
        if done.exit_code == 0:
            return
        why = done.output.decode(errors="replace").strip().rpartition(": ")[2]
        if why == os.strerror(errno.ENOENT):
            raise PathNotFoundError(
                f"{path!r} cannot be made in the sandbox: a part of it does not exist. Choose "
                "another path.",
                path,
            )
        if why in (os.strerror(errno.EACCES), os.strerror(errno.EROFS)):
            raise PathDeniedError(
                f"Permission denied for {path!r}; choose a path that the sandbox may write.", path
            )
        raise WriteFailedError(
            f"{path!r} could not be written in the sandbox: {why}. Mend that, or choose another.",
            path,
        )

    async def preview(self, port: int) -> tuple[str, dict[str, str]]:
        """The address of a port, which is this machine's if the network is.

        Raises:
            PreviewError: The sandbox has a network of its own, or none. One that is made with
                `network=True` has this machine's.
        """
        if not self.network:
            raise PreviewError(
                f"Port {port} cannot be reached from outside: the workspace was made without a "
                "network. Use the server inside, with exec, or tell your user."
            )
        return f"http://127.0.0.1:{port}", {}

    async def close(self) -> None:
        """End every process that was started, and remove what is ours."""
        machine, self._machine = self._machine, None
        if machine:
            await machine.stop()
        own, self._own = self._own, None
        if own:
            await in_thread(own.remove)
        kept, self._kept = self._kept, None
        if kept:
            with contextlib.suppress(OSError):  # something is to be kept
                kept.rmdir()

    def __repr__(self) -> str:
        return f"<LocalSandbox {self.id.removeprefix('local:')} ({self.isolation})>"

    def _prepare(self) -> tuple[Level, Place, dict[str, str]]:
        """Choose the level and make the folders."""
        level = confinement.choose(self.isolation)
        if level == "landlock" and self.isolation == "auto":
            logger.warning(
                "bubblewrap does not work here, so Landlock confines the local sandbox: commands "
                "can see that files exist and change the mode of yours, see your processes, read "
                "and write on your terminals, and reach sockets and, but for TCP, the network; see "
                "SECURITY.md"
            )
        for path in self._readable:
            if not os.path.exists(path):
                raise InvalidArgumentError(
                    f"readable={str(path)!r} does not exist, or is closed to you; leave it out, "
                    "or correct the path."
                )
        given = folders.usable("folder", self._given) if self._given else None
        home = folders.usable("home", self._home) if self._home else None
        folders.remove_leftovers()
        self._own = OwnFolder()
        own = self._own.path
        if home is None and given:
            home = self._kept = folders.kept_home(given)
        place = Place(
            given or own / "workspace",
            home or own / "home",
            own / "tmp",
            readable=[*self._readable, own / "etc"],
            extra=[own / "python"],
            network=self.network,
            bounds=self._bounds,
        )
        for path in (place.folder, place.home, place.temporary, own / "etc"):
            path.mkdir(exist_ok=True)
        virtualenv.make(own / "python")
        git.write_config(own / "etc/gitconfig", place.home)
        return level, place, {"GIT_CONFIG_SYSTEM": str(own / "etc/gitconfig")}

    async def _do(self, argv: list[str], *, stdin: bytes, timeout: float) -> Completed:
        if self._machine is None:
            raise SandboxGoneError(f"The local sandbox {self.id} is not open; open it first.")
        try:
            done = await self._machine.run(argv, stdin=stdin, timeout=timeout)
        except OSError as error:
            raise self._translated(error) from error
        if done.timed_out:
            raise SandboxUnavailableError(
                f"The local sandbox {self.id} gave no answer within {timeout:g} s. Try again when "
                "the machine is less busy, or make a new sandbox."
            )
        return done

    def _translated(self, error: OSError) -> SandboxError:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
            return SandboxGoneError(
                f"The folder of {self.id} is no longer there: it was removed or moved. Make a new "
                "sandbox."
            )
        return SandboxUnavailableError(
            f"Nothing can be started in {self.id}: {error.strerror}. End what runs there, or make "
            "a new sandbox."
        )


def _path(argument: str, value: object) -> Path:
    """A path of this machine that a caller named."""
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgumentError(f"{argument}={value!r} is not a path; give a string or a Path.")
    text = os.fspath(value)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidArgumentError(
            f"{argument}={value!r} is not a path; give one, such as '.' for the current folder."
        )
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidArgumentError(
            f"{argument}={value!r} names a home folder that is not known here."
        ) from error
    except FileNotFoundError as error:
        raise InvalidArgumentError(
            f"{argument}={value!r} is relative, and the current folder was removed; give an "
            "absolute path."
        ) from error


def _bound(argument: str, value: int | None, least: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgumentError(
            f"{argument}={value!r} is not a valid limit; give a whole number of at least "
            f"{least:,}, or None."
        )
    return value
