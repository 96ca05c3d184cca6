"""A process under the rules of Landlock, which starts all programs of a sandbox."""

import contextlib
import errno
import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, Any

from daytona_toolkit.sandboxes._local import kernel

# A process id, or an exit code; error number, or 0.
_REPLY = struct.Struct("!ii")

_LARGEST = 64 * 1024

# Seconds that it may take to start a program. A command can stop or kill what starts it.
_PATIENCE = 3.0


# No dataclass: importing them takes a fifth of the time that the helper needs to start.
class Started:
    """A program that runs, as far as it is used of `subprocess.Popen`.

    Attributes:
        pid: Its process, which leads a session of its own; 0 until it has one.
        end: A descriptor that can be read once the process has ended; -1 until there is one.
        stdin: The end of a pipe that it reads.
        stdout: The end of a pipe that it prints to, errors too.
        returncode: How it ended; None while it runs.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = 0
        self.end = -1
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None


def popen(argv: Sequence[str], cwd: str, stdin: int, stdout: int) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own; it prints errors to its standard output.

    Raises:
        OSError: It cannot be started.
    """
    try:
        # Without anything to do in the new process, `subprocess` copies no memory (vfork).
        return subprocess.Popen(
            argv,
            bufsize=0,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except ValueError:  # a NUL in an argument
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None


class Launcher:
    """A process under the rules that starts programs, and lets go of them when it is told to.

    Landlock lets a process signal only those of its own domain, and each process that enters the
    rules makes a domain. If each program entered them, none could end what another has started.
    So one process enters them and starts all programs. They are its children, and the number of
    one that has ended stays its own until the helper asks how it ended.

    A command can kill this process. Then the kernel makes its children the helper's, and another
    takes its place. Later programs cannot reach those that were started before.

    Args:
        enter: Brings a process under the rules.

    Attributes:
        pid: The process, a child of the helper; 0 if it has ended.
    """

    def __init__(self, enter: Callable[[], None]) -> None:
        self._enter = enter
        self._begin()

    def start(self, argv: Sequence[str], cwd: str) -> Started:
        """Start a program.

        Raises:
            OSError: It cannot be started.
        """
        try:
            return self._launch(argv, cwd)
        except (TimeoutError, ConnectionError):
            self._end()
            self._begin()
            return self._launch(argv, cwd)

    def let_go(self, started: Started) -> int | None:
        """How a program ended; from now on its process id may be another's.

        None if the launcher cannot say: a command traces the program, or the program has become a
        child of the helper, which learns of its end from the kernel.
        """
        try:
            return self._ask({"ended": started.pid})
        except (TimeoutError, ConnectionError):
            self._end()
        except ChildProcessError:
            pass
        return None

    def has_ended(self) -> None:
        """Take note that the process has been waited for: its number may be another's now."""
        self.pid = 0

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                _serve(theirs, self._enter)
            finally:
                os._exit(1)
        theirs.close()
        ours.settimeout(_PATIENCE)
        self.pid, self._socket = pid, ours

    def _end(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self._socket.close()

    def _launch(self, argv: Sequence[str], cwd: str) -> Started:
        (its_stdin, stdin), (stdout, its_stdout) = os.pipe(), os.pipe()
        started = Started(os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0))
        try:
            started.pid = self._ask({"argv": argv, "cwd": cwd}, its_stdin, its_stdout)
            started.end = kernel.open_process(started.pid)
        except BaseException:
            started.stdin.close()
            started.stdout.close()
            raise
        finally:
            os.close(its_stdin)
            os.close(its_stdout)
        return started

    def _ask(self, request: dict[str, Any], *files: int) -> int:
        if self._socket.fileno() < 0:
            raise ConnectionError("what starts programs was ended")
        socket.send_fds(self._socket, [json.dumps(request).encode()], files)
        reply = self._socket.recv(_REPLY.size)
        if not reply:
            raise ConnectionError("what starts programs has ended")
        number, error = _REPLY.unpack(reply)
        if error:
            raise OSError(error, os.strerror(error))
        return int(number)


def _serve(asked: socket.socket, enter: Callable[[], None]) -> None:
    """Start programs until the helper goes away."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, _continue_programs)
    enter()
    with contextlib.suppress(PermissionError):
        os.kill(os.getppid(), 0)
        return  # the rules do not hold: they would let no signal reach the helper
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, asked.fileno())
    os.closerange(asked.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    programs: dict[int, subprocess.Popen[bytes]] = {}
    while True:
        message, files, _, _ = socket.recv_fds(asked, _LARGEST, 2)
        if not message:
            # It ends all that it knows of. It may have been killed, or lack `/proc`.
            with contextlib.suppress(ProcessLookupError):  # nothing is left
                os.kill(-1, signal.SIGKILL)
            return
        request = json.loads(message)
        if "argv" in request:
            reply = _start(programs, request["argv"], request["cwd"], *files)
        else:
            reply = _let_go(programs, request["ended"])
        for file in files:
            os.close(file)
        asked.send(_REPLY.pack(*reply))


def _continue_programs(*_: object) -> None:
    """Let programs of ours go on if a command has stopped them."""
    with contextlib.suppress(ChildProcessError):  # there are none
        while stopped := os.waitid(os.P_ALL, 0, os.WSTOPPED | os.WNOHANG):
            os.killpg(stopped.si_pid, signal.SIGCONT)


def _start(
    programs: dict[int, subprocess.Popen[bytes]],
    argv: Sequence[str],
    cwd: str,
    stdin: int,
    stdout: int,
) -> tuple[int, int]:
    try:
        program = popen(argv, cwd, stdin, stdout)
    except OSError as error:
        return 0, error.errno or errno.EPERM
    programs[program.pid] = program
    return program.pid, 0


def _let_go(programs: dict[int, subprocess.Popen[bytes]], process: int) -> tuple[int, int]:
    program = programs.get(process)  # what this process has not started is not its child
    code = program.poll() if program else None
    if code is None:
        return 0, errno.ECHILD
    del programs[process]
    return code, 0
