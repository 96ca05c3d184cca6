"""The helper process of a local sandbox: it runs programs in one folder.

It is started confined (see `confinement`), with nothing but the standard library at hand,
and serves requests that arrive on its standard input until that ends. Then it ends every
process that it started, and itself.

A request is a JSON line, `{"id", "op", …, "size"}`, and `size` bytes; so is an answer.
"""

import contextlib
import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36

_writing = threading.Lock()

# Processes that a thread waits for. Others that end are orphans that became ours.
_awaited: set[int] = set()
_starting = threading.Lock()


def main(confine: str) -> None:
    """Serve until the client goes away.

    Args:
        confine: Empty, or what Landlock shall allow: JSON with `readable` and `writable`.
    """
    # Whatever our processes leave behind becomes our child, so that it can be found.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if confine:
        import sandlock

        allowed = json.loads(confine)
        sandlock.confine(
            sandlock.Sandbox(fs_readable=allowed["readable"], fs_writable=allowed["writable"])
        )
    source, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _answer(answers, {"id": 0}, b"")
    try:
        while line := source.readline():
            request = json.loads(line)
            data = source.read(request["size"])
            threading.Thread(target=_serve, args=(request, data, answers), daemon=True).start()
    finally:
        # Nothing that is ended now is answered for: to the client we are simply gone.
        _writing.acquire()
        _end_everything()
        os._exit(0)


def _serve(request: dict[str, Any], data: bytes, answers: Any) -> None:
    head: dict[str, Any] = {"id": request["id"]}
    body = b""
    try:
        match request["op"]:
            case "run":
                head["exit_code"], head["timed_out"], body = _run(request, data)
            case "upload":
                path = Path(request["path"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            case "download":
                body = Path(request["path"]).read_bytes()
    except OSError as error:
        head["error"], head["errno"] = error.strerror, error.errno
    except ValueError as error:  # a NUL in a path
        head["error"], head["errno"] = str(error), errno.EINVAL
    _answer(answers, head, body)


def _answer(answers: Any, head: dict[str, Any], body: bytes) -> None:
    line = json.dumps({**head, "size": len(body)}).encode() + b"\n"
    # If the client has gone, standard input says so too.
    with _writing, contextlib.suppress(OSError):
        answers.write(line + body)
        answers.flush()


def _run(request: dict[str, Any], data: bytes) -> tuple[int, bool, bytes]:
    """Run one program to its end: exit code, whether it was too slow, what it printed."""
    with _starting:
        process = subprocess.Popen(
            request["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=request["cwd"],
            env={**os.environ, **request["env"]},
            start_new_session=True,
        )
        _awaited.add(process.pid)
    try:
        printed, _ = process.communicate(data, timeout=request["timeout"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        return -1, True, printed
    finally:
        with _starting:
            _awaited.discard(process.pid)
            _reap_orphans()
    return process.returncode, False, printed


def _reap_orphans() -> None:
    """Let go of processes that were left to us and have ended."""
    for child in _children():
        if child not in _awaited:
            _reap(child)


def _reap(child: int) -> None:
    with contextlib.suppress(ChildProcessError):  # another thread was first
        os.waitpid(child, os.WNOHANG)


def _end_everything() -> None:
    """End all processes that we or they started, however far they have detached."""
    for _ in range(200):
        children = _children()
        if not children:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _reap(child)
        # What they left behind is ours by the next round.
        time.sleep(0.005)


def _children() -> list[int]:
    """Processes whose parent we are; none where the system is not Linux."""
    found: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += map(int, task.read_text().split())
    return found


if __name__ == "__main__":
    main(sys.argv[1])
