"""Machines that can run `sh`, and what a session asks of one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from daytona_toolkit.sandboxes._command import CommandSandbox as CommandSandbox
    from daytona_toolkit.sandboxes._daytona.sandbox import DaytonaSandbox as DaytonaSandbox
    from daytona_toolkit.sandboxes._local.sandbox import LocalSandbox as LocalSandbox

_HOMES = {
    "CommandSandbox": "_command",
    "DaytonaSandbox": "_daytona.sandbox",
    "LocalSandbox": "_local.sandbox",
}

# Seconds that a request may take besides the time that its program waits by intention. Long
# enough to hash and copy a file of some GB.
REQUEST_TIME = 60.0

# Bytes that a program may print. A file of `Limits.file_bytes` takes 43 MiB as base64.
OUTPUT_BYTES = 128 * 1024 * 1024

__all__ = ["CommandSandbox", "DaytonaSandbox", "LocalSandbox", "Sandbox"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


@runtime_checkable
class Sandbox(Protocol):
    """A machine that can run `sh`.

    All methods are called on one event loop, that of all sessions of the process, many at the same
    time: one that blocks holds up everything. Errors are `SandboxError`s, before `open` and after
    `close` too. A request that gets no answer may be sent again by the sandbox itself, because
    every program that a session sends may run twice without harm.
    `daytona_toolkit.testing.SandboxConformance` holds a class to all of this.

    A sandbox whose ports can be reached from outside may also have `async def preview(self, port)`,
    which returns a URL and the headers that a request for it must bring, or raises `PreviewError`.
    One whose commands have other variables than the programs of a session, such as a longer `PATH`,
    may have them in a mapping `command_env`, which is read once it is open. One that sends few
    requests at a time may say by `is_busy` that most are on their way: those that only wait for a
    command wait for less long then. One that a request starts where it is stopped may have `wakes`,
    which is set to False before the last request: that only tidies up.

    Attributes:
        id: What the sandbox is known by; for Daytona, enough to attach to it later.
        owned: Whether `close` disposes of the machine, with all that a session left there.
    """

    id: str
    owned: bool

    async def open(self) -> None:
        """Make it ready to run programs."""

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to a shell, in one request, and return what it printed.

        Every program starts in the same folder, with the same environment, and may overlap with
        others. Its exit code does not matter. A process that it leaves in the background, holding
        none of its streams, neither delays the answer nor ends with it.

        Args:
            program: Text of a POSIX shell program, up to some MB: feed it to `sh` on standard
                input, as the arguments of a command are shorter.
            timeout: Seconds after which no answer comes any more. A session allows
                60 s besides the time that the program waits by intention.

        Returns:
            Its standard output, complete and byte for byte as far as it is ASCII. Standard error
            may come along; programs of a session print nothing there.

        Raises:
            SandboxUnavailableError: No answer came.
            SandboxGoneError: The sandbox no longer exists.
        """
        ...

    async def upload(self, path: str, data: bytes) -> None:
        """Put bytes into a file of the sandbox, in one attempt.

        Folders that are missing are made, a file that is there is replaced. It need not happen at
        once: a session uploads to names of its own and checks what arrived.

        Args:
            path: Its absolute path, taken as it is.
            data: Its bytes, up to some tens of MB.

        Raises:
            SandboxUnavailableError: Nobody knows what is in the file now; the session tries
                again with another path.
            PathError: The file cannot be written, for example because it is a folder.
        """

    async def close(self) -> None:
        """Give back whatever this object owns. Closing twice does no harm."""
