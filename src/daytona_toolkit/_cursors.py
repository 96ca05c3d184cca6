"""How far a session has read the output of each job."""

import codecs
from collections import OrderedDict
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from daytona_toolkit._remote import Input, Reply

Stream: TypeAlias = Literal["stdout", "stderr"]

# The name of a stream among a job's files, and in replies.
FILES: dict[Stream, str] = {"stdout": "out", "stderr": "err"}

# Jobs that are remembered; the output of older ones is new again.
_BOUND = 256


@dataclass
class Cursor:
    """How far a job's output has been seen, for each stream."""

    seen: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(FILES, 0))
    _decoders: dict[Stream, codecs.IncrementalDecoder] = field(
        default_factory=lambda: {
            stream: codecs.getincrementaldecoder("utf-8")(errors="replace") for stream in FILES
        }
    )

    def offsets(self) -> dict[str, Input]:
        """The inputs of a program that brings what is new."""
        return {"out": self.seen["stdout"], "err": self.seen["stderr"]}

    def take(self, reply: Reply, stream: Stream, *, last: bool) -> str:
        """The new text of a stream; a character split between replies comes out whole."""
        name = FILES[stream]
        data = reply.blobs.get(f"{name}_new", b"")
        start = reply.number(f"{name}_from") if data else self.seen[stream]
        skipped = start - self.seen[stream]
        self.seen[stream] = start + len(data)
        if skipped:
            self._decoders[stream].reset()
        text = self._decoders[stream].decode(data, final=last)
        return f"[... {skipped:,} bytes skipped ...]\n{text}" if skipped else text


class Cursors:
    """How far a session has read each job.

    Each request has a copy of its own, so that requests at the same time all get what is new.
    """

    def __init__(self) -> None:
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def get(self, job_id: str) -> Cursor:
        """The cursor of a job, for one request."""
        return deepcopy(self._cursors.get(job_id, Cursor()))

    def put(self, job_id: str, cursor: Cursor) -> None:
        """Remember how far a request has read, unless another has read further."""
        known = self._cursors.get(job_id)
        if known is None or sum(known.seen.values()) <= sum(cursor.seen.values()):
            self._cursors[job_id] = cursor
        self._cursors.move_to_end(job_id)
        if len(self._cursors) > _BOUND:
            self._cursors.popitem(last=False)
