"""A folder of this machine as a sandbox, confined."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daytona_toolkit.errors import (
    PathDeniedError,
    PathNotFoundError,
    SandboxGoneError,
    SandboxUnavailableError,
    WriteFailedError,
)
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.sandboxes._local.confinement import Isolation, Level, Place

# Seconds that the helper gets to end what it started, before it is ended itself.
_FAREWELL = 5.0


class LocalSandbox:
    """A folder of this machine, and a confined helper process that runs programs in it.

    Args:
        folder: The workspace; made if it is missing, left as it is at the end. Without one,
            the sandbox makes one of its own and removes it at the end.
        isolation: `"auto"` takes bubblewrap where it works, else Landlock, and refuses
            otherwise. `"none"` confines nothing: commands can do whatever you can.

    Attributes:
        id: `local:` and the folder.
        isolation: The level in force, once open; before, what was asked for.

    Raises:
        IsolationError: At opening, when the isolation asked for does not work here.

    Example:
        ```python
        with SandboxSession(LocalSandbox("./work")) as session:
            print(session.exec("ls -la").stdout)
        ```
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, isolation: Isolation = "auto"
    ) -> None:
        self._given = Path(folder).absolute() if folder is not None else None
        self.isolation: Isolation | Level = isolation
        self.id = f"local:{self._given or 'temporary'}"
        self._machine: Machine | None = None
        self._own: Path | None = None

    async def open(self) -> None:
        """Start the helper."""
        level = confinement.choose(self.isolation)
        self._own = Path(tempfile.mkdtemp(prefix="daytona-toolkit-")).resolve()
        folder = self._given or self._own / "workspace"
        place = Place(folder, self._own / "home", self._own / "tmp")
        for path in (place.folder, place.home, place.temporary):
            path.mkdir(parents=True, exist_ok=True)
        place = Place(folder.resolve(), place.home, place.temporary)
        self._machine = Machine(place, level)
        try:
            await self._machine.start()
        except BaseException:
            await self.close()
            raise
        self.isolation = level
        self.id = f"local:{place.folder}"

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to `sh`, in the folder."""
        done = await self._running.run(
            ["sh"], stdin=program.encode("utf-8", "surrogateescape"), timeout=timeout
        )
        if done.timed_out:
            raise SandboxUnavailableError(
                f"The local sandbox {self.id} gave no answer within {timeout:g} s."
            )
        return done.output

    async def upload(self, path: str, data: bytes) -> None:
        """Write a file."""
        await self._transfer("upload", path, data)

    async def download(self, path: str) -> bytes:
        """Read a file."""
        return await self._transfer("download", path, b"")

    async def close(self) -> None:
        """End every process that was started, and remove what is ours."""
        machine, self._machine = self._machine, None
        if machine:
            await machine.stop()
        own, self._own = self._own, None
        if own:
            _remove(own)  # here, and not in a thread: while Python ends none can be started

    async def _transfer(self, operation: str, path: str, data: bytes) -> bytes:
        try:
            _, content = await self._running.ask({"op": operation, "path": path}, data)
        except FileNotFoundError as error:
            raise PathNotFoundError(f"{path!r} does not exist in the sandbox.", path) from error
        except PermissionError as error:
            raise PathDeniedError(f"Permission denied for {path!r}.", path) from error
        except OSError as error:
            raise WriteFailedError(
                f"{operation} of {path!r} failed: {error.strerror}.", path
            ) from error
        return content

    @property
    def _running(self) -> "Machine":
        if self._machine is None:
            raise SandboxGoneError(f"The local sandbox {self.id} is not open.")
        return self._machine


@dataclass(frozen=True)
class Completed:
    """What a program did: its exit code, its output, and whether it was ended as too slow."""

    exit_code: int
    output: bytes
    timed_out: bool = False


class Machine:
    """The client's end of a helper process (see `helper`)."""

    def __init__(
        self, place: Place, level: Level, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._place = place
        self._level = level
        self._environment = confinement.environment(place) | dict(environment or {})
        self._process: asyncio.subprocess.Process | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._ids = itertools.count(1)
        self._ended = ""

    async def start(self) -> None:
        """Start the helper and wait until it serves."""
        self._process = await asyncio.create_subprocess_exec(
            *confinement.command(self._level, self._place),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._place.folder,
            env=self._environment,
            limit=2**20,
            start_new_session=True,  # Ctrl-C in the terminal is for us to handle
        )
        ready = asyncio.get_running_loop().create_future()
        self._waiting[0] = ready
        self._receiver = asyncio.create_task(self._receive())
        await ready

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a program to its end, in a session of its own.

        Raises:
            OSError: The program cannot be started, or not in that folder.
            SandboxGoneError: The helper has ended.
        """
        request = {
            "op": "run",
            "argv": list(argv),
            "cwd": cwd or str(self._place.folder),
            "env": dict(env or {}),
            "timeout": timeout,
        }
        head, output = await self.ask(request, stdin)
        return Completed(head["exit_code"], output, head["timed_out"])

    async def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for its answer.

        Raises:
            OSError: The helper could not do it.
            SandboxGoneError: The helper has ended.
        """
        if self._ended:
            raise SandboxGoneError(self._ended)
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._ids)
        answer: asyncio.Future[tuple[dict[str, Any], bytes]]
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            line = json.dumps({**request, "id": number, "size": len(data)}).encode() + b"\n"
            self._process.stdin.write(line + data)
            with contextlib.suppress(ConnectionError):  # then the receiver says so
                await self._process.stdin.drain()
            head, body = await answer
        finally:
            self._waiting.pop(number, None)
        if "errno" in head:
            raise OSError(head["errno"], head["error"])
        return head, body

    async def stop(self) -> None:
        """End the helper, and with it every process that it started."""
        process, receiver = self._process, self._receiver
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _FAREWELL)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
        if receiver:
            await receiver

    async def _receive(self) -> None:
        assert self._process is not None
        output, errors = self._process.stdout, self._process.stderr
        assert output is not None
        assert errors is not None
        try:
            while line := await output.readline():
                head = json.loads(line)
                body = await output.readexactly(head["size"])
                answer = self._waiting.pop(head["id"], None)
                if answer and not answer.done():
                    answer.set_result((head, body))
        except asyncio.IncompleteReadError:
            pass  # it ended in the middle of an answer
        why = (await errors.read()).decode(errors="replace").strip()
        self._ended = "The helper process of the local sandbox has ended" + (
            f": {why[-500:]}" if why else "."
        )
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(SandboxGoneError(self._ended))
        self._waiting.clear()


def _remove(folder: Path) -> None:
    """Remove a folder, also what a command has made read-only in it."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            with contextlib.suppress(OSError):
                (Path(parent) / name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
