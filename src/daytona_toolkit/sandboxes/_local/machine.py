"""The client's end of a helper process."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from daytona_toolkit.errors import (
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
)
from daytona_toolkit.sandboxes import OUTPUT_BYTES
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.sandboxes._local.bubblewrap import before_start
from daytona_toolkit.sandboxes._local.confinement import Level, Place
from daytona_toolkit.sandboxes._local.frames import (
    ANSWER,
    EXITED,
    NOT_STARTED,
    REQUEST,
    TIMED_OUT,
    TOO_MUCH,
)

# Seconds that a helper may take to start on a loaded machine.
_START = 30.0

# Seconds between two looks after a helper that owes answers. The looks that found silence
# after which it is sent a ping, and after which it is given up. They are counted, and no time is
# measured, since this process may have been stopped itself, as by Ctrl-Z.
_PAUSE = 1.0
_QUIET = 2
_SILENT = 20

# Seconds that a helper has to stop by itself, and to end once it was killed.
_STOP_TIMEOUT = 2.0
_KILL_TIMEOUT = 2.0

_ERRORS_SHOWN = 500


@dataclass(frozen=True)
class Completed:
    """What a program did: its exit code, its output, and whether it was ended as too slow."""

    exit_code: int
    output: bytes
    timed_out: bool = False


class Machine(asyncio.Protocol):
    """A helper process that runs programs (see `helper`).

    Args:
        place: Where it works.
        level: What confines it.
        environment: Variables for everything that it runs, besides the usual ones.
    """

    def __init__(
        self, place: Place, level: Level, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._place = place
        self._level = level
        self._environment = confinement.environment(place) | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = -1
        self._folder: os.stat_result
        self._socket: socket.socket
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._waiting: dict[int, asyncio.Future[Completed]] = {}
        # Requests that nobody waits for any more; their answers are still to come.
        self._abandoned: set[int] = set()
        self._last = 0
        self._silence = 0
        self._watch: asyncio.TimerHandle | None = None
        self._ended: SandboxError | None = None

    async def start(self) -> None:
        """Start the helper and wait until it serves.

        Raises:
            SandboxGoneError: It ended at once.
            SandboxUnavailableError: It could not be started, or does not serve.
        """
        loop = asyncio.get_running_loop()
        ready = self._waiting[0] = loop.create_future()
        self._socket = self._spawn()
        self._transport, _ = await loop.create_connection(lambda: self, sock=self._socket)
        try:
            await asyncio.wait_for(ready, _START)
        except asyncio.TimeoutError:
            raise SandboxUnavailableError(
                f"The helper process of the local sandbox did not start within {_START:g} s. "
                "Try again when the machine is less busy."
            ) from None

    def _spawn(self) -> socket.socket:
        """Start the process; our end of the socket that it is reached by."""
        ours, theirs = socket.socketpair()
        errors = -1
        try:
            self._errors, errors = os.pipe()
            os.set_blocking(self._errors, False)
            self._folder = self._place.folder.stat()
            self._process = subprocess.Popen(
                confinement.command(self._level, self._place),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                cwd=self._place.folder,
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is for us to handle
                preexec_fn=before_start(),
            )
        except OSError as error:
            ours.close()
            self._close_errors()
            raise SandboxUnavailableError(
                f"The helper process of the local sandbox could not be started: {error.strerror}. "
                "End what need not run on this machine, and try again."
            ) from error
        finally:
            theirs.close()
            if errors >= 0:
                os.close(errors)
        return ours

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float,
    ) -> Completed:
        """Run a program until it has exited, in a session of its own.

        Args:
            argv: The program and its arguments.
            stdin: Its input.
            timeout: Seconds after which it is ended.

        Raises:
            OSError: The program cannot be started, or not in that folder.
            SandboxFailedError: It printed too much, or what came is no answer.
            SandboxGoneError: The helper has ended.
            SandboxUnavailableError: No answer came.
        """
        # Where the folder was removed or replaced, bubblewrap would go on in the old one, and lose
        # what is written there; and Landlock's rules hold for the old one alone.
        folder = self._place.folder.stat()
        if self._level != "none" and not os.path.samestat(folder, self._folder):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        request = {
            "argv": list(argv),
            "cwd": str(self._place.folder),
            "timeout": timeout,
        }
        number = self._send(json.dumps(request).encode(), stdin)
        answer: asyncio.Future[Completed] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._keep_watch()
        try:
            return await answer
        finally:
            if self._waiting.pop(number, None):
                self._abandoned.add(number)

    async def stop(self) -> None:
        """End the helper, and with it every process that it started."""
        process = self._process
        if process is None:
            return
        self._end(SandboxGoneError("The local sandbox was closed. Make a new one."))
        if not await _ends(process, _STOP_TIMEOUT):
            process.kill()
            await _ends(process, _KILL_TIMEOUT)
        self._close_errors()

    def data_received(self, data: bytes) -> None:
        """Take what the helper has sent: answers, if all is well."""
        self._silence = 0
        self._received += data
        while self._ended is None and len(self._received) >= ANSWER.size:
            number, outcome, detail, size = ANSWER.unpack_from(self._received)
            is_awaited = number in self._waiting or number in self._abandoned
            if not is_awaited or outcome > TOO_MUCH or size > OUTPUT_BYTES:
                self._give_up(
                    SandboxFailedError(
                        "The helper process of the local sandbox sent an invalid answer; "
                        "a command may have interfered with it. It was killed: make a new sandbox."
                    )
                )
                return
            end = ANSWER.size + size
            if len(self._received) < end:
                return
            body = bytes(memoryview(self._received)[ANSWER.size : end])
            del self._received[:end]
            self._settle(number, outcome, detail, body)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all callers that the helper has ended, and how."""
        if self._ended is None:
            asyncio.ensure_future(self._report_death())  # noqa: RUF006 # it ends within seconds

    def _send(self, request: bytes, stdin: bytes) -> int:
        if self._ended:
            raise copy(self._ended)  # with frames of its own
        self._last += 1
        self._transport.write(REQUEST.pack(self._last, len(request), len(stdin)) + request)
        if stdin:
            self._transport.write(stdin)
        return self._last

    def _settle(self, number: int, outcome: int, detail: int, body: bytes) -> None:
        self._abandoned.discard(number)
        answer = self._waiting.pop(number, None)
        if answer is None or answer.done():
            return
        if outcome == NOT_STARTED:
            answer.set_exception(OSError(detail, os.strerror(detail)))
        elif outcome == TOO_MUCH:
            answer.set_exception(
                SandboxFailedError(
                    f"A program of the local sandbox printed more than {OUTPUT_BYTES:,} bytes; a "
                    "command may have written into its output."
                )
            )
        elif outcome == TIMED_OUT:
            answer.set_result(Completed(-1, body, timed_out=True))
        else:
            assert outcome == EXITED
            answer.set_result(Completed(detail, body))

    def _keep_watch(self) -> None:
        if self._watch is None:
            self._silence = _QUIET - 1
            self._watch = asyncio.get_running_loop().call_later(_PAUSE, self._look_after)

    def _look_after(self) -> None:
        """See that a helper that owes answers is alive and well."""
        self._watch = None
        if self._ended or not self._waiting:
            return
        self._silence += 1
        problem = ""
        if self._silence >= _QUIET and _is_stopped(self._process):
            problem = "was stopped by a signal, so nothing can be run"
        elif self._silence > _SILENT:
            problem = f"did not respond for {_SILENT * _PAUSE:g} s"
        if problem:
            self._give_up(
                SandboxGoneError(
                    f"The helper process of the local sandbox {problem}. It was killed: make a new "
                    "sandbox."
                )
            )
            return
        if self._silence == _QUIET:
            # If a request was lost on its way, the helper sees it by the number of this one.
            self._abandoned.add(self._send(b"", b""))
        self._watch = asyncio.get_running_loop().call_later(_PAUSE, self._look_after)

    def _give_up(self, error: SandboxError) -> None:
        """Kill a helper that can no longer be used."""
        self._end(error)
        if self._process:
            self._process.kill()

    def _end(self, error: SandboxError) -> None:
        if self._ended is None:
            self._ended = error
        if self._watch:
            self._watch.cancel()
        self._received.clear()
        with contextlib.suppress(OSError):  # it has ended
            # A forked child of this process has the socket as well.
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(AttributeError):  # it was never reached
            self._transport.abort()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(copy(self._ended))
                answer.exception()  # seen: its caller may have been cancelled
        self._waiting.clear()

    async def _report_death(self) -> None:
        assert self._process is not None
        if not await _ends(self._process, _KILL_TIMEOUT):
            self._process.kill()
            await _ends(self._process, _KILL_TIMEOUT)
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._errors, 65_536)
        self._end(SandboxGoneError(_how_it_ended(self._process.returncode, said)))

    def _close_errors(self) -> None:
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1


def _how_it_ended(status: int | None, said: bytes) -> str:
    """How a helper ended, and what to do."""
    # bubblewrap, and a shell, report a signal that way.
    number = -status if status and status < 0 else (status or 0) - 128
    if status is None:
        how = "it closed its connection"
    elif number == signal.SIGKILL:
        how = "it was killed (SIGKILL), as the system does when memory runs out"
    elif 0 < number < 65:
        how = f"it was ended by signal {number}"
    else:
        how = f"exit status {status}"
    words = said.decode(errors="replace").strip()[-_ERRORS_SHOWN:]
    return (
        f"The helper process of the local sandbox has ended: {how}"
        + (f"; it said: {words}" if words else "")
        + ". Make a new sandbox; files in a folder that you gave it are still there."
    )


def _is_stopped(process: "subprocess.Popen[bytes] | None") -> bool:
    """Whether a process, or the one that it watches over, is stopped."""
    if process is None:
        return False
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][:1]
    except (OSError, UnicodeDecodeError):  # not Linux, or gone
        return False
    return state in ("T", "t")


async def _ends(process: "subprocess.Popen[bytes]", patience: float) -> bool:
    """Wait for a process; whether it has ended in that time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = 0.001
    while process.poll() is None:
        if loop.time() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.02)
    return True
