"""The helper process of a local sandbox: it runs programs in one folder.

It serves requests that arrive on a socket, its standard input (see `frames`), until that ends.
Then it ends every process that it started, and itself. It never waits for anything that a
command could hold back: one loop looks after all programs.
"""

import contextlib
import errno
import json
import locale
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from daytona_toolkit.sandboxes import OUTPUT_BYTES
from daytona_toolkit.sandboxes._local import kernel
from daytona_toolkit.sandboxes._local.children import end_children
from daytona_toolkit.sandboxes._local.frames import (
    ANSWER,
    EXITED,
    NOT_STARTED,
    REQUEST,
    TIMED_OUT,
    TOO_MUCH,
)
from daytona_toolkit.sandboxes._local.guard import Guard
from daytona_toolkit.sandboxes._local.launcher import Launcher, Started, popen

_CHUNK = 256 * 1024

# Where the system is short of memory, what a command started is to go before anything else.
_OOM_SCORE = "500"


def main(settings: str) -> None:
    """Serve until the client goes away.

    Args:
        settings: JSON with `level`, `bounds` and, for Landlock, `rules`.
    """
    _forget_unknown_locales()
    options = json.loads(settings)
    alone = options["level"] == "bubblewrap"
    # Not Python's own handler, which raises. Process 1 gets no signal that it has no handler for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A client that blocks signals, to wait for them, has passed that on.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    launcher = None
    if sys.platform == "linux":
        kernel.be_out_of_reach()
        kernel.adopt_orphans()
        if alone:
            kernel.leave_session_keyring()
            kernel.refuse_calls(alone=True)
        elif options["level"] == "landlock":
            launcher = Launcher(_entering(kernel.Landlock(**options["rules"])))
    guard = Guard(options["bounds"]) if alone else None
    helper = Helper(options["bounds"], launcher, guard)
    status = 1
    try:
        helper.serve()
        status = 0
    except Exception:
        sys.excepthook(*sys.exc_info())  # the client shows the end of it
    finally:
        end_children()
        os._exit(status)


def _forget_unknown_locales() -> None:
    """Take away the names of locales that are not installed: bash and Perl warn at each start.

    Who comes by ssh often brings such a name along.
    """
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        if wanted := os.environ.get(name):
            try:
                locale.setlocale(locale.LC_COLLATE, wanted)
            except locale.Error:
                del os.environ[name]
    locale.setlocale(locale.LC_COLLATE, "C")


def _entering(rules: kernel.Landlock) -> Callable[[], None]:
    def enter() -> None:
        kernel.leave_session_keyring()
        kernel.gain_nothing()
        kernel.drop_capabilities()
        kernel.refuse_calls(alone=False)
        rules.enter()

    return enter


class Program:
    """One program: what it still has to read, what it has printed, and how it ended."""

    def __init__(
        self,
        number: int,
        process: "subprocess.Popen[bytes] | Started",
        stdin: bytes,
        request: dict[str, Any],
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.number = number
        self.process = process
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.left = memoryview(stdin)
        self.printed = bytearray()
        self.is_silent = False  # nothing more can be printed
        self.deadline: float = time.monotonic() + request["timeout"]
        for pipe in (self.stdin, self.stdout):
            os.set_blocking(pipe.fileno(), False)

    def read(self) -> None:
        """Take what it has printed so far."""
        while not self.is_silent and len(self.printed) <= OUTPUT_BYTES:
            try:
                chunk = os.read(self.stdout.fileno(), _CHUNK)
            except BlockingIOError:
                return
            self.printed += chunk
            self.is_silent = not chunk

    def write(self) -> None:
        """Give it what it can take of its input."""
        try:
            while self.left:
                self.left = self.left[os.write(self.stdin.fileno(), self.left) :]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self.left = self.left[:0]

    def kill(self) -> None:
        """End it and what it started in its group."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Helper:
    """Runs the programs that the client asks for."""

    def __init__(
        self,
        bounds: Mapping[str, int | None],
        launcher: Launcher | None,
        guard: Guard | None,
    ) -> None:
        self._limits = _limits(bounds, of_its_own_user=guard is not None)
        self._launcher = launcher
        self._guard = guard
        self._client = socket.socket(fileno=os.dup(0))
        self._received = bytearray()
        self._last = 0
        self._programs: dict[int, Program] = {}  # by process id, until they are waited for
        self._open: set[Program] = set()  # those that an answer is due for
        self._has_children = False
        self._selector = selectors.DefaultSelector()
        ended, wake = socket.socketpair()
        for end in (ended, wake):
            end.setblocking(False)
        self._ended, self._wake = ended, wake

    def serve(self) -> None:
        """Serve until the client goes away."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._ended, selectors.EVENT_READ, self._child_ended)
        self._selector.register(self._client, selectors.EVENT_READ, None)
        self._answer(0, EXITED, 0)
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    if not self._receive():
                        return
                else:
                    key.data()
            self._end_slow_ones()
            if self._guard and self._has_children:
                self._guard.look()

    def _patience(self) -> float | None:
        """Seconds until there is something to do without anything having happened."""
        times = [program.deadline for program in self._open]
        if self._guard and self._has_children:
            times.append(self._guard.next_look)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _receive(self) -> bool:
        """Take what the client has sent; whether it is still there."""
        try:
            chunk = self._client.recv(_CHUNK)
        except ConnectionError:
            return False
        self._received += chunk
        while len(self._received) >= REQUEST.size:
            number, about, data = REQUEST.unpack_from(self._received)
            if number != self._last + 1:
                raise ConnectionError("a request was lost or damaged on its way")
            end = REQUEST.size + about + data
            if len(self._received) < end:
                break
            self._last = number
            request = bytes(self._received[REQUEST.size : REQUEST.size + about])
            stdin = bytes(self._received[REQUEST.size + about : end])
            del self._received[:end]
            if request:
                self._start(number, json.loads(request), stdin)
            else:
                self._answer(number, EXITED, 0)
        return bool(chunk)

    def _start(self, number: int, request: dict[str, Any], stdin: bytes) -> None:
        process: subprocess.Popen[bytes] | Started
        try:
            if self._launcher:
                process = self._launcher.start(request["argv"], request["cwd"])
            else:
                process = popen(request["argv"], request["cwd"], subprocess.PIPE, subprocess.PIPE)
        except OSError as error:
            self._answer(number, NOT_STARTED, error.errno or errno.EPERM)
            return
        # Before it has read anything: a shell has started nothing yet.
        self._bound(process.pid)
        program = Program(number, process, stdin, request)
        self._programs[process.pid] = program
        self._open.add(program)
        self._has_children = True
        if isinstance(process, Started):
            self._selector.register(
                process.end, selectors.EVENT_READ, lambda: self._launched_ended(program)
            )
        self._selector.register(
            program.stdout, selectors.EVENT_READ, lambda: self._printed(program)
        )
        program.write()
        if program.left:
            self._selector.register(
                program.stdin, selectors.EVENT_WRITE, lambda: self._wants(program)
            )
        else:
            program.stdin.close()

    def _bound(self, process: int) -> None:
        for kind, limit in self._limits:
            with contextlib.suppress(OSError, ValueError):  # the host allows less
                resource.prlimit(process, kind, (limit, limit))
        with (
            contextlib.suppress(OSError),
            open(f"/proc/{process}/oom_score_adj", "w") as score,
        ):
            score.write(_OOM_SCORE)

    def _wants(self, program: Program) -> None:
        if not program.stdin.closed:  # what came first in this round may have ended the program
            program.write()
            if not program.left:
                self._close(program.stdin)

    def _printed(self, program: Program) -> None:
        if program.stdout.closed:  # what came first in this round has ended the program
            return
        program.read()
        if len(program.printed) > OUTPUT_BYTES:
            program.kill()
            self._finish(program, TOO_MUCH, 0)
        elif program.is_silent:
            self._close(program.stdout)

    def _close(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(KeyError):  # an input that was taken at once is not in it
            self._selector.unregister(pipe)
        pipe.close()

    def _child_ended(self) -> None:
        """Wait for children, and for orphans that became ours.

        What we have started goes on if a command has stopped it: nobody else would continue it.
        """
        with contextlib.suppress(BlockingIOError):
            while self._ended.recv(4096):
                pass
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                self._has_children = False
                return
            if not process:
                return
            launcher = self._launcher
            program = self._programs.get(process)
            if launcher and process == launcher.pid:
                if os.WIFSTOPPED(status):
                    os.kill(process, signal.SIGCONT)
                else:
                    launcher.has_ended()
            elif program and os.WIFSTOPPED(status):
                os.killpg(process, signal.SIGCONT)
            elif program:
                self._ended_with(program, os.waitstatus_to_exitcode(status))

    def _launched_ended(self, program: Program) -> None:
        """Ask what started a program how it ended."""
        assert self._launcher is not None
        assert isinstance(program.process, Started)
        if program.process.end < 0:  # what came first in this round has told us
            return
        self._forget_end(program.process)
        code = self._launcher.let_go(program.process)
        if code is not None:
            self._ended_with(program, code)

    def _forget_end(self, process: Started) -> None:
        if process.end >= 0:
            self._selector.unregister(process.end)
            os.close(process.end)
            process.end = -1

    def _ended_with(self, program: Program, code: int) -> None:
        del self._programs[program.process.pid]
        if isinstance(program.process, Started):
            self._forget_end(program.process)
        program.process.returncode = code
        if program in self._open:
            # What it printed is in the pipe. A process that holds the pipe open is not
            # waited for.
            program.read()
            self._finish(program, EXITED, code)

    def _end_slow_ones(self) -> None:
        now = time.monotonic()
        for program in [p for p in self._open if p.deadline <= now]:
            program.kill()
            self._finish(program, TIMED_OUT, 0)

    def _finish(self, program: Program, outcome: int, number: int) -> None:
        self._open.discard(program)
        for pipe in (program.stdin, program.stdout):
            if not pipe.closed:
                self._close(pipe)
        self._answer(program.number, outcome, number, program.printed)
        program.printed = bytearray()

    def _answer(
        self, number: int, outcome: int, detail: int, body: bytes | bytearray = b""
    ) -> None:
        shown = memoryview(body)[:OUTPUT_BYTES]
        # If the client has gone, reading says so too.
        with contextlib.suppress(OSError):
            self._client.sendall(ANSWER.pack(number, outcome, detail, len(shown)))
            self._client.sendall(shown)


def _limits(bounds: Mapping[str, int | None], *, of_its_own_user: bool) -> list[tuple[int, int]]:
    """What the kernel bounds for each process."""
    if not hasattr(resource, "prlimit"):
        return []
    wanted = [
        (resource.RLIMIT_NOFILE, bounds["open_files"]),
        (resource.RLIMIT_FSIZE, bounds["file_bytes"]),
        (resource.RLIMIT_DATA, bounds["memory"]),
        # With 1 instead of 0 the kernel does not hand a crashed process to a program of the host
        # either.
        (resource.RLIMIT_CORE, 1),
    ]
    if of_its_own_user and bounds["processes"]:
        # A second line of defence: the guard counts, too, and acts first.
        wanted.append((resource.RLIMIT_NPROC, bounds["processes"] + 100))
    return [(kind, bound) for kind, bound in wanted if bound is not None]
