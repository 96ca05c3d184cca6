"""The other end of a sandbox's daemon, and what confines it: bubblewrap, or nothing.

Confined, a sandbox has a file system of its own but for the system's programs, which are those
of the host: `/tmp` and `/dev/shm` are its own, its user is `daytona` and its daemon process 1.
Its folder has the same path inside and outside, and FIFOs work across. Unconfined, all of that is
the host's.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import daytona_toolkit
from daytona_toolkit.sandboxes._local import bubblewrap
from daytona_toolkit.sandboxes._local.machine import Completed
from daytona_toolkit.sandboxes._local.system import SETTINGS, SYSTEM
from daytona_toolkit.testing._server.errors import FileError

USER_ID = 1000
USER = "daytona"

_SOURCE = Path(daytona_toolkit.__file__).parent
_DAEMON = (
    f"import sys; sys.path.append({str(_SOURCE.parent)!r}); "
    "from daytona_toolkit.testing._server.daemon.serve import main; main()"
)
_LONGEST_LINE = 2**24
_STOP_TIMEOUT = 5.0


class MachineStoppedError(Exception):
    """The machine is off, or went off while the program ran."""


@cache
def is_confined() -> bool:
    """Tell whether bubblewrap works here, the system's or the one that comes from PyPI."""
    return bubblewrap.find()[0] is not None


class Machine:
    """Runs the daemon of one sandbox.

    Args:
        folder: The sandbox's folder, with `home`, `work` and `tmp` in it.
        cwd: The daemon's working folder.
        env: The daemon's environment, and so that of every program.
        hostname: Name of the machine.
        network: Whether it has the host's network; without bubblewrap it always has.
    """

    def __init__(
        self, folder: Path, cwd: Path, env: Mapping[str, str], *, hostname: str, network: bool
    ) -> None:
        self._folder = folder
        self._cwd = cwd
        self._env = dict(env)
        self._hostname = hostname
        self._network = network
        self._process: asyncio.subprocess.Process | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._ids = itertools.count(1)
        # A machine that is starting or stopping does not do the other as well.
        self._switching = asyncio.Lock()

    async def start(self) -> None:
        """Switch on."""
        async with self._switching:
            if self._process is None:
                await self._start()

    async def _start(self) -> None:
        python = [sys.executable, "-I", "-S", "-c", _DAEMON]
        self._process = await asyncio.create_subprocess_exec(
            *(self._bubblewrap() if is_confined() else ()),
            *python,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._cwd,
            env=self._env,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        ready = asyncio.get_running_loop().create_future()
        self._waiting[0] = ready
        self._receiver = asyncio.create_task(self._receive(self._process))
        await ready

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        drain: float | None = None,
    ) -> Completed:
        """Run a program; see `daemon.processes.run`.

        Raises:
            OSError: The program cannot be started.
            MachineStoppedError: The machine is off, or went off meanwhile.
        """
        arguments = {
            "argv": list(argv),
            "cwd": cwd or ".",
            "env": dict(env or {}),
            "timeout": timeout,
            "drain": drain,
        }
        result, output = await self.call("run", arguments, stdin)
        return Completed(result["exit_code"], output, result["timed_out"])

    async def call(
        self, name: str, arguments: Mapping[str, Any], data: bytes = b""
    ) -> tuple[Any, bytes]:
        """Have the daemon do something.

        Raises:
            FileError: It refuses.
            OSError: The system did.
            MachineStoppedError: The machine is off, or went off meanwhile.
        """
        process = self._process
        if process is None:
            raise MachineStoppedError
        assert process.stdin is not None
        number = next(self._ids)
        answer: asyncio.Future[tuple[dict[str, Any], bytes]]
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        head = {"id": number, "call": name, "arguments": dict(arguments), "size": len(data)}
        try:
            process.stdin.write(json.dumps(head).encode() + b"\n" + data)
            with suppress(ConnectionError):  # then the receiver says so
                await process.stdin.drain()
            answered, body = await answer
        finally:
            self._waiting.pop(number, None)
        if "refused" in answered:
            status, message, code = answered["refused"]
            raise FileError(status, message, code=code)
        if "errno" in answered:
            raise OSError(answered["errno"], os.strerror(answered["errno"]))
        return answered["result"], body

    async def stop(self) -> None:
        """Switch off: end every process of this machine."""
        async with self._switching:
            await self._stop()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
        if self._receiver:
            await self._receiver

    async def _receive(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with suppress(asyncio.IncompleteReadError):
            while line := await process.stdout.readline():
                head = json.loads(line)
                body = await process.stdout.readexactly(head["size"])
                answer = self._waiting.pop(head["id"], None)
                if answer and not answer.done():
                    answer.set_result((head, body))
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(MachineStoppedError())
        self._waiting.clear()

    def _bubblewrap(self) -> list[str]:
        """Return the command that a confined daemon is started with."""
        program, _ = bubblewrap.find()
        assert program
        identity = str(USER_ID)
        view = bubblewrap.View()
        for path in _readable():
            view.show(path)
        return [
            *(program, "--unshare-all", "--unshare-user", "--uid", identity, "--gid", identity),
            *("--cap-drop", "ALL", "--as-pid-1", "--die-with-parent", "--new-session"),
            *("--hostname", self._hostname),
            *(["--share-net"] if self._network else []),
            *("--proc", "/proc", "--dev", "/dev"),
            # Before the rest: our Python may lie in the host's /tmp.
            *("--bind", str(self._folder / "tmp"), "/tmp"),  # noqa: S108
            *view.options,
            *("--ro-bind", str(self._users("passwd")), "/etc/passwd"),
            *("--ro-bind", str(self._users("group")), "/etc/group"),
            *("--bind", str(self._folder), str(self._folder)),
            *("--remount-ro", "/", "--chdir", str(self._cwd), "--"),
        ]

    def _users(self, name: str) -> Path:
        """Write the host's users or groups, with the sandbox's own, and return the file."""
        own = {
            "passwd": f"{USER}:x:{USER_ID}:{USER_ID}::{self._env['HOME']}:/bin/sh",
            "group": f"{USER}:x:{USER_ID}:",
        }
        lines = Path("/etc", name).read_text(errors="surrogateescape").splitlines()
        others = [line for line in lines if line.split(":")[2:3] != [str(USER_ID)]]
        path = self._folder / name
        path.write_text("\n".join([*others, own[name], ""]), errors="surrogateescape")
        return path


def _readable() -> list[str]:
    """Return what of the host a sandbox sees: the system, our Python and the daemon's source."""
    python = [sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)]
    return [*SYSTEM, *SETTINGS, *(path for path in python if path != "/"), str(_SOURCE)]
