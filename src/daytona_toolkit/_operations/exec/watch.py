"""How a call waits for the command that it started."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from daytona_toolkit._cursors import FILES, Cursor, Stream
from daytona_toolkit._operations.exec.handle import JobHandle, is_over, window_of
from daytona_toolkit._remote import Input, Reply


@dataclass
class Watch:
    """A call that waits for its command.

    Attributes:
        handle: The command's job.
        timeout: Seconds after which the command is ended; None: never.
        patience: Seconds after which the call returns while the command goes on; None: never.
        on_output: Told of new output.
        passed_on: How far it was told of the output.
        so_far: How far the output is in the result, if the command goes on.
    """

    handle: JobHandle
    timeout: float | None
    patience: float | None
    on_output: Callable[[Stream, str], Awaitable[None]] | None
    passed_on: Cursor = field(default_factory=Cursor)
    so_far: Cursor = field(default_factory=Cursor)
    _started: float = field(default_factory=time.monotonic)

    def window(self) -> float:
        """Seconds that the next request waits."""
        return window_of(self.handle.workspace, self.timeout, self._left())

    def inputs(self, window: float) -> dict[str, Input]:
        """The inputs of a request that waits for so many seconds."""
        cursor = None
        if window and self.on_output:
            cursor = self.passed_on
        elif window and self.patience is not None:
            cursor = self.so_far
        follow = self.on_output is not None
        return self.handle.inputs(window, timeout=self.timeout, cursor=cursor, follow=follow)

    async def follow(self, reply: Reply) -> Reply:
        """Wait until the command has ended, or the call is out of patience.

        Args:
            reply: The reply to the request that started it.

        Returns:
            The last reply.

        Raises:
            StateLostError: The job's files were removed.
        """
        while True:
            await self._pass_on(reply)
            if is_over(reply):
                return reply
            is_due = self._left() == 0
            if is_due and not self.on_output:
                return reply
            window = self.window()
            # What was passed on is in the result, too.
            inputs = self.handle.inputs(cursor=self.so_far) if is_due else self.inputs(window)
            reply = await self.handle.poll(window, inputs)
            if reply.failure:
                raise self.handle.lost()
            if is_due:
                return reply

    def _left(self) -> float | None:
        """Seconds until the call returns."""
        if self.patience is None:
            return None
        return max(0.0, self._started + self.patience - time.monotonic())

    async def _pass_on(self, reply: Reply) -> None:
        if self.on_output:
            for stream in FILES:
                if text := self.handle.new(reply, stream, self.passed_on):
                    await self.on_output(stream, text)
