"""Machines that can run `sh`, and what a session asks of one."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Sandbox(Protocol):
    """A machine that can run `sh`.

    All methods are called on the event loop of one session. Errors are `SandboxError`s; a
    request that gets no answer may be sent again by the sandbox itself, because every
    program that a session sends may run twice without harm.

    Attributes:
        id: What the sandbox is known by; for Daytona, enough to attach to it later.
    """

    id: str

    async def open(self) -> None:
        """Make it ready to run programs."""

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to a shell, in one request, and return what it printed.

        Args:
            program: Text of a POSIX shell program.
            timeout: Seconds after which there will be no answer any more.

        Raises:
            SandboxUnavailableError: No answer came.
            SandboxGoneError: The sandbox is no more.
        """
        ...

    async def upload(self, path: str, data: bytes) -> None:
        """Put bytes into a file of the sandbox, given by its absolute path."""

    async def download(self, path: str) -> bytes:
        """Get the bytes of a file of the sandbox, given by its absolute path."""
        ...

    async def close(self) -> None:
        """Give back whatever this object owns."""
