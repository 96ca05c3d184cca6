"""A process under the rules of Landlock, which forks all programs of a sandbox."""

import errno
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from typing import IO

from daytona_toolkit.sandboxes._local import kernel

# Process id, or 0; error number, or 0.
_REPLY = struct.Struct("!ii")

_LARGEST = 64 * 1024

# Seconds that it may take to start a program. A command can stop or kill what starts it.
_PATIENCE = 3.0


# No dataclass: importing them takes a fifth of the time that the helper needs to start.
class Started:
    """A program that runs, as far as it is used of `subprocess.Popen`.

    Attributes:
        pid: Its process, which leads a session of its own; 0 until it has one.
        stdin: The end of a pipe that it reads.
        stdout: The end of a pipe that it prints to, errors too.
        returncode: How it ended; None while it runs.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = 0
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None


class ForkServer:
    """A process under the rules that forks programs, whose parent is ours.

    Landlock lets a process signal only those of its own domain, and each process that enters the
    rules makes a domain. If each program entered them, none could end what another has started.
    So one process enters them and forks all programs, as children of the helper, which waits for
    them. If a command has stopped or killed it, another takes its place, and later programs
    cannot reach those that were started before.

    Args:
        enter: Brings a process under the rules.
    """

    def __init__(self, enter: Callable[[], None]) -> None:
        self._enter = enter
        self._socket = self._begin()

    def start(self, argv: Sequence[str], cwd: str) -> Started:
        """Start a program.

        Raises:
            OSError: It cannot be started.
        """
        try:
            return self._ask(argv, cwd)
        except (TimeoutError, ConnectionError):
            self._socket.close()
            self._socket = self._begin()
            return self._ask(argv, cwd)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            try:
                _serve(theirs, self._enter)
            finally:
                os._exit(1)
        theirs.close()
        ours.settimeout(_PATIENCE)
        return ours

    def _ask(self, argv: Sequence[str], cwd: str) -> Started:
        (its_stdin, stdin), (stdout, its_stdout) = os.pipe(), os.pipe()
        started = Started(os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0))
        try:
            message = json.dumps({"argv": argv, "cwd": cwd}).encode()
            socket.send_fds(self._socket, [message], [its_stdin, its_stdout])
            reply = self._socket.recv(_REPLY.size)
            if not reply:
                raise ConnectionError("what starts programs has ended")
            started.pid, error = _REPLY.unpack(reply)
            if error:
                raise OSError(error, os.strerror(error))
        except BaseException:
            started.stdin.close()
            started.stdout.close()
            raise
        finally:
            os.close(its_stdin)
            os.close(its_stdout)
        return started


def _serve(asked: socket.socket, enter: Callable[[], None]) -> None:
    """Fork programs until the helper goes away."""
    enter()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, asked.fileno())
    os.closerange(asked.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    while True:
        message, files, _, _ = socket.recv_fds(asked, _LARGEST, 2)
        if not message:
            return
        request = json.loads(message)
        reply = _fork(request["argv"], request["cwd"], *files)
        for file in files:
            os.close(file)
        asked.send(reply)


def _fork(argv: Sequence[str], cwd: str, stdin: int, stdout: int) -> bytes:
    """Start a program; return the reply."""
    failed, tell = os.pipe()
    try:
        pid = kernel.fork_sibling()
        if pid == 0:
            _become(argv, cwd, stdin, stdout, tell)
    except OSError as error:
        os.close(failed)
        os.close(tell)
        return _REPLY.pack(0, error.errno or errno.EAGAIN)
    os.close(tell)
    said = os.read(failed, 16)  # nothing, as soon as it has become the program
    os.close(failed)
    return _REPLY.pack(pid, int(said or 0))


def _become(argv: Sequence[str], cwd: str, stdin: int, stdout: int, tell: int) -> None:
    """Become the program, or report why not."""
    try:
        for file, number in ((stdin, 0), (stdout, 1), (stdout, 2)):
            os.dup2(file, number)
        os.setsid()
        os.chdir(cwd)
        for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored_by_python, signal.SIG_DFL)
        os.execvp(argv[0], list(argv))  # noqa: S606 - it is what was asked for
    except BaseException as error:
        os.write(tell, str(getattr(error, "errno", None) or errno.EINVAL).encode())
    finally:
        os._exit(127)
