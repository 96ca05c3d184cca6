"""A sandbox that is reached by a command: a container, another machine, a plain shell."""

import asyncio
import base64
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence

from daytona_toolkit._remote import quote
from daytona_toolkit._workers import in_thread_if_large
from daytona_toolkit.errors import (
    InvalidArgumentError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
    WriteFailedError,
)
from daytona_toolkit.sandboxes import OUTPUT_BYTES
from daytona_toolkit.sandboxes._stops import STOPS, was_stopped

_UPLOAD_TIME = 600.0

# Seconds for which the output of a command that was ended is read: something that it has started,
# and that has left its session, may hold it open.
_LAST_WORDS = 1.0

# Bytes that are passed on at a time; and that are encoded at a time, which base64 has in threes.
_BLOCK = 256 * 1024
_PIECE = 768 * 1024


class CommandSandbox:
    """A sandbox that is reached by a command, which runs `sh` somewhere and passes on its streams.

    What it reaches is not confined by us, and is left as it is at the end. It must be the same
    machine each time: `docker exec` in a container that runs, and not `docker run`.

    Args:
        argv: The command and its arguments, such as `["docker", "exec", "-i", "box", "sh"]`,
            `["ssh", "host", "sh"]` or `["kubectl", "exec", "-i", "pod", "--", "sh"]`. It gets a
            program on its standard input each time.

    Attributes:
        id: The command.
        owned: False: closing the session leaves the machine.

    Raises:
        InvalidArgumentError: The command is empty, or one text instead of a list.

    Example:
        ```python
        with SandboxSession(CommandSandbox(["docker", "exec", "-i", "box", "sh"])) as session:
            print(session.exec("cat /etc/os-release").stdout)
        ```
    """

    owned = False

    def __init__(self, argv: Sequence[str]) -> None:
        if isinstance(argv, str) or not argv or not all(isinstance(word, str) for word in argv):
            raise InvalidArgumentError(
                f"argv is a list of words, such as ['ssh', 'host', 'sh'], not {argv!r}."
            )
        self.argv = list(argv)
        self._is_open = False
        self.id = f"command:{shlex.join(self.argv)}"

    async def open(self) -> None:
        """Take requests from now on; the command is started for each of them."""
        self._is_open = True

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to the shell that the command runs."""
        printed, _ = await self._feed(program.encode("utf-8", "surrogateescape"), timeout)
        return printed

    async def upload(self, path: str, data: bytes) -> None:
        """Bring bytes into a file, as a part of a program."""
        program = await in_thread_if_large(len(data), _upload_program, path, data)
        printed, code = await self._feed(program, _UPLOAD_TIME)
        if code:
            why = printed.decode(errors="replace").strip() or f"exit code {code}"
            if "No space left" in why or "quota exceeded" in why:
                raise WriteFailedError(
                    f"There is no space left for {path!r}: {why}. Remove what is not needed.", path
                )
            raise SandboxUnavailableError(f"{path!r} could not be uploaded to {self.id}: {why}")

    async def close(self) -> None:
        """Take no more requests; the machine is not ours."""
        self._is_open = False

    def __repr__(self) -> str:
        return f"<CommandSandbox {shlex.join(self.argv)}>"

    async def _feed(self, data: bytes, timeout: float) -> tuple[bytes, int]:
        """What the command prints, given its standard input, and its exit code."""
        if not self._is_open:
            raise SandboxGoneError(f"The sandbox {self.id} is not open; open it first.")
        shown = shlex.join(self.argv)
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        )
        try:
            # Cancelled as it starts, asyncio would end the command alone, and then wait for what
            # that has started.
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_end_started)
            raise
        except OSError as error:
            raise SandboxGoneError(
                f"The command of the sandbox, {shown}, cannot be started: {error}. Correct it, or "
                "install what it names."
            ) from error
        exchange = asyncio.ensure_future(self._exchange(process, data))
        clock = asyncio.get_running_loop().time
        try:
            for _ in range(STOPS):
                deadline = clock() + timeout
                await asyncio.wait([exchange], timeout=timeout)
                if exchange.done() or not was_stopped(deadline):
                    break
            if not exchange.done():
                raise SandboxUnavailableError(
                    f"{shown} gave no answer within {timeout:.0f} s. Check that the machine which "
                    "it reaches still runs."
                )
            printed = exchange.result()
        finally:
            exchange.cancel()
            await asyncio.wait([exchange])
            if process.returncode is None:
                _end(process)
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(_has_ended(process), _LAST_WORDS)
        return printed, process.returncode or 0

    async def _exchange(self, process: asyncio.subprocess.Process, data: bytes) -> bytes:
        """What a command prints until it ends, given its standard input."""
        assert process.stdout
        feeding = asyncio.ensure_future(_write(process, data))
        printed = bytearray()
        try:
            while block := await process.stdout.read(_BLOCK):
                printed += block
                if len(printed) > OUTPUT_BYTES:
                    raise SandboxFailedError(
                        f"What {shlex.join(self.argv)} reached printed more than {OUTPUT_BYTES:,} "
                        "bytes. Check that it is sh, and that nothing else prints there."
                    )
            await feeding
            await process.wait()
        finally:
            feeding.cancel()
        return bytes(printed)


def _upload_program(path: str, data: bytes) -> bytes:
    """The program that writes bytes into a file.

    They are in it and not after it: some shells read ahead of what they run.
    """
    # In pieces, as no other thread runs while one is encoded.
    pieces = (base64.b64encode(data[i : i + _PIECE]) for i in range(0, len(data), _PIECE))
    folder = quote(path.rpartition("/")[0] or "/").encode("utf-8", "surrogateescape")
    target = quote(path).encode("utf-8", "surrogateescape")
    start = b"export LC_ALL=C; mkdir -p %b && printf %%s '" % folder
    # What is left of a file for which there was no space would take the last of it.
    end = b"' | base64 -d >%b || { rm -f %b; exit 1; }\n" % (target, target)
    return b"".join((start, *pieces, end))


async def _has_ended(process: asyncio.subprocess.Process) -> None:
    """Wait for a command, which asyncio takes to have ended once its output was read."""
    assert process.stdout
    while await process.stdout.read(_BLOCK):
        pass
    await process.wait()


async def _write(process: asyncio.subprocess.Process, data: bytes) -> None:
    """Write to a command's standard input, and close it."""
    assert process.stdin
    with contextlib.suppress(ConnectionError):  # it reads no further
        for start in range(0, len(data), _BLOCK):
            process.stdin.write(data[start : start + _BLOCK])
            await process.stdin.drain()
    process.stdin.close()


def _end_started(starting: "asyncio.Future[asyncio.subprocess.Process]") -> None:
    if not starting.cancelled() and not starting.exception():
        _end(starting.result())


def _end(process: asyncio.subprocess.Process) -> None:
    """End a command with what it has started here, which may hold its streams open."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
