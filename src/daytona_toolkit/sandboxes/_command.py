"""A sandbox that is reached by a command: a container, another machine, a plain shell."""

import asyncio
import base64
import contextlib
import os
import shlex
import signal
from collections.abc import Sequence

from daytona_toolkit._remote import quote
from daytona_toolkit.errors import InvalidArgumentError, SandboxGoneError, SandboxUnavailableError

_UPLOAD_TIME = 600.0


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
        encoded, target = base64.b64encode(data).decode(), quote(path)
        # The data is in the program and not after it: some shells read ahead of what they run.
        folder = quote(path.rpartition("/")[0] or "/")
        program = f"mkdir -p {folder} && printf %s '{encoded}' | base64 -d >{target}\n"
        printed, code = await self._feed(program.encode(), _UPLOAD_TIME)
        if code:
            why = printed.decode(errors="replace").strip() or f"exit code {code}"
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
        try:
            printed, _ = await asyncio.wait_for(process.communicate(data), timeout)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise SandboxUnavailableError(
                f"{shown} gave no answer within {timeout:.0f} s. Check that the machine which "
                "it reaches still runs."
            ) from error
        finally:
            if process.returncode is None:
                _end(process)
                await process.wait()
        return printed, process.returncode or 0


def _end_started(starting: "asyncio.Future[asyncio.subprocess.Process]") -> None:
    if not starting.cancelled() and not starting.exception():
        _end(starting.result())


def _end(process: asyncio.subprocess.Process) -> None:
    """End a command with what it has started here, which may hold its streams open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
