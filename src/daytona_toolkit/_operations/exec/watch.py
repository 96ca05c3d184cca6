"""How a call waits for the command that it started."""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from daytona_toolkit._cursors import FILES, Cursor, Stream
from daytona_toolkit._operations.exec.handle import KILL_TIME, JobHandle, is_over, window_of
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
        # A call that does not wait brings no output, and one that waits for the end all of it then.
        wants = self.on_output is not None if self.patience is None else self.patience > 0
        cursor = (self.passed_on if self.on_output else self.so_far) if wants else None
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
        await self._pass_on(reply)
        end = time.monotonic() + KILL_TIME + (math.inf if self.timeout is None else self.timeout)
        while not is_over(reply) and self._left() != 0:
            is_late, window = time.monotonic() > end, self.window()
            reply = await self._poll(window, self.inputs(window))
            await self._pass_on(reply)
            if is_late and not is_over(reply):
                # It has written into the file that says when it began.
                reply = await self.handle.end()
                return Reply({**reply.values, "expired": "yes"}, reply.blobs)
        if self.on_output and not is_over(reply):
            # What was passed on is in the result, too.
            return await self._poll(0.0, self.handle.inputs(cursor=self.so_far))
        return reply

    async def _poll(self, window: float, inputs: dict[str, Input]) -> Reply:
        reply = await self.handle.poll(window, inputs)
        if reply.failure:
            raise self.handle.lost()
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
