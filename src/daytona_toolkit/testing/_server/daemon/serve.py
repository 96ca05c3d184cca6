"""The daemon's main loop: calls that arrive on standard input, each served in a thread.

A call is a JSON line, `{"id", "call", "arguments", "size"}`, and `size` bytes; so is an answer,
with `result`, or `refused`, or `errno`. The end of standard input ends the daemon, and with it
every process that it started.
"""

import errno
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, BinaryIO

from daytona_toolkit.sandboxes._local import kernel
from daytona_toolkit.sandboxes._local.children import end_children
from daytona_toolkit.testing._server.daemon import processes
from daytona_toolkit.testing._server.daemon.refusals import Refusal

Call = Callable[[dict[str, Any], bytes], tuple[Any, bytes]]

_writing = threading.Lock()


def main() -> None:
    """Serve until the other end goes away."""
    # What a command leaves behind becomes our child, so that it can be found and ended.
    if sys.platform == "linux":
        kernel.adopt_orphans()
    source, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _send(answers, {"id": 0}, b"")
    try:
        while line := source.readline():
            head = json.loads(line)
            data = source.read(head["size"])
            thread = threading.Thread(target=_serve, args=(head, data, answers), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread is left for now; the next call may get one
                _send(answers, {"id": head["id"], "errno": errno.EAGAIN}, b"")
    finally:
        _writing.acquire()  # to the other end we are gone: nothing is answered any more
        end_children()
        os._exit(0)


def _called(name: str) -> Call:
    """What a call runs."""
    return processes.run if name == "run" else _other_calls()[name]


@cache
def _other_calls() -> dict[str, Call]:
    """The calls that many sandboxes never get; to import them takes half of a daemon's start."""
    from daytona_toolkit.testing._server.daemon import files, ports, uploads

    return {**files.CALLS, **ports.CALLS, **uploads.CALLS}


def _serve(head: dict[str, Any], data: bytes, answers: BinaryIO) -> None:
    answer: dict[str, Any] = {"id": head["id"]}
    body = b""
    try:
        answer["result"], body = _called(head["call"])(head["arguments"], data)
    except Refusal as refusal:
        answer["refused"] = refusal.args
    except OSError as error:
        answer["errno"] = error.errno
    except Exception:  # a mistake of ours: somebody waits for an answer all the same
        import traceback

        traceback.print_exc()
        answer["errno"] = errno.EIO
    _send(answers, answer, body)


def _send(answers: BinaryIO, head: dict[str, Any], body: bytes) -> None:
    line = json.dumps({**head, "size": len(body)}).encode() + b"\n"
    # Standard input says it as well when nobody listens.
    with _writing, suppress(OSError):
        answers.write(line + body)
        answers.flush()
