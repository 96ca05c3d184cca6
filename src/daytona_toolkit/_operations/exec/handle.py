"""A job in a sandbox: what requests about it take, and what replies say of it."""

from dataclasses import dataclass

from daytona_toolkit._cursors import FILES, Cursor, Stream
from daytona_toolkit._remote import Input, Reply, Source
from daytona_toolkit._text import join_ends
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import StateLostError

# Bytes of a command's text that come back with a job.
SHOWN = 500

# Seconds to end a job: the two that its processes have to end by themselves, and more.
KILL_TIME = 10.0

_POLL = Source(__package__, "poll")


@dataclass(frozen=True)
class JobHandle:
    """A job in a sandbox.

    Attributes:
        workspace: The sandbox.
        id: The job.
    """

    workspace: Workspace
    id: str

    def inputs(
        self,
        window: float = 0.0,
        *,
        timeout: float | None = None,
        cursor: Cursor | None = None,
        follow: bool = False,
    ) -> dict[str, Input]:
        """The inputs of every program that waits for a job.

        Args:
            window: Seconds to wait for its end.
            timeout: Seconds after its start when it is ended.
            cursor: How far its output was seen; without one, none of it is new.
            follow: Whether the wait is over when there is new output, too.
        """
        return {
            "job": self.id,
            "limit": self.workspace.limits.output_bytes,
            "window": round(window * 100),
            "timeout": max(10, round(timeout * 100)) if timeout is not None else 0,
            "follow": "yes" if follow else "",
            **(cursor.offsets() if cursor else {"out": "", "err": ""}),
        }

    async def poll(self, window: float, inputs: dict[str, Input], *, shown: Input = "") -> Reply:
        """Ask how it stands.

        Args:
            window: Seconds to wait for its end.
            inputs: What `inputs` returns for these.
            shown: Bytes of its command that the reply has; none unless given.
        """
        return await self.workspace.run(_POLL, wait=window, kill="", shown=shown, **inputs)

    async def end(self, cursor: Cursor | None = None) -> Reply:
        """End it, with every process that it started."""
        inputs = self.inputs(cursor=cursor)
        return await self.workspace.run(_POLL, wait=KILL_TIME, kill="yes", shown=SHOWN, **inputs)

    def lost(self) -> StateLostError:
        """The error that its files were removed while it ran."""
        return self.workspace.lost(
            f"The command ran, but its exit code and output are lost: the files of {self.id} were "
            f"removed while it ran. Do not touch what is in {self.workspace.facts.state}."
        )

    def path(self, stream: Stream) -> str:
        """The file that has all of a stream."""
        return f"{self.workspace.facts.state}/{self.id}.{FILES[stream]}"

    def new(self, reply: Reply, stream: Stream, cursor: Cursor) -> str:
        """What is new of a stream: where it is over, and none was seen, all or its two ends."""
        if is_over(reply) and not cursor.seen[stream]:
            cursor.seen[stream] = reply.number(f"{FILES[stream]}_size")
            return self.kept(reply, stream)
        text = cursor.take(reply, stream, last=is_over(reply))
        return text.partition(self._seal)[0]

    def kept(self, reply: Reply, stream: Stream) -> str:
        """What comes back of a stream: all of it, or its two ends."""
        name = FILES[stream]
        data, size = reply.blobs.get(name, b""), reply.number(f"{name}_size")
        if (end := data.find(self._seal.encode())) >= 0:
            data, size = data[:end], size - (len(data) - end)
        limit = self.workspace.limits.output_bytes
        if size <= limit:
            return data.decode(errors="replace")
        half = limit // 2
        return join_ends(data[:half], data[half:], size, self.path(stream), self.workspace.mask)

    @property
    def _seal(self) -> str:
        """How the line begins that follows what the command printed; see await_output in job.sh."""
        return f"\n[{self.id}: the command ended here;"


def is_over(reply: Reply) -> bool:
    """Whether the job has ended, was lost, or cannot be ended."""
    return any(name in reply.values for name in ("exit", "lost", "stubborn"))


def window_of(workspace: Workspace, *bounds: float | None) -> float:
    """Seconds that one request waits: at most these, of which None is no bound."""
    return min(each for each in (workspace.window, *bounds) if each is not None)


def number_of(text: str | None) -> int | None:
    """A number out of a job's files, which the command can write to."""
    return int(text) if text and text.isascii() and text.isdigit() else None
