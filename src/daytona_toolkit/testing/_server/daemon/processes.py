"""Programs, run as Go's `exec.Cmd` runs them."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any

from daytona_toolkit.sandboxes._local.children import children

# Seconds between two looks at whether a shell has ended whose output is still held open.
_LOOK = 0.02

# Processes that a thread waits for. Others that end are orphans that became ours.
_awaited: set[int] = set()
_starting = threading.Lock()


def run(arguments: dict[str, Any], data: bytes) -> tuple[Any, bytes]:
    """Run a program until it has ended and nobody holds its output open.

    A child in the background with the pipe open keeps this from returning, after a timeout too.

    Args:
        arguments: `argv`, `cwd`, `env`; `timeout` in seconds, and `drain`: for how many seconds
            after its end its output may be held open, None for ever.
        data: Standard input.

    Returns:
        Exit code and whether it was too slow; what it printed.

    Raises:
        OSError: It cannot be started.
    """
    with _starting:
        process = subprocess.Popen(
            arguments["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=arguments["cwd"],
            env={**os.environ, **arguments["env"]},
            start_new_session=True,
        )
        _awaited.add(process.pid)
    _feed(process, data)
    too_slow = False
    try:
        try:
            printed = _communicate(process, arguments["timeout"], arguments["drain"])
        except subprocess.TimeoutExpired:
            too_slow = True
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
    finally:
        if process.stdout:
            process.stdout.close()
        with _starting:
            _awaited.discard(process.pid)
            _reap_orphans()
    return {"exit_code": process.returncode, "timed_out": too_slow}, printed


def _feed(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Hand a program its input, all at once as Go does: `communicate` takes 4 KB at a time."""
    assert process.stdin
    stdin, process.stdin = process.stdin, None

    def feed() -> None:
        with suppress(OSError), stdin:  # it may end without having read all
            stdin.write(data)

    threading.Thread(target=feed, daemon=True).start()


def _communicate(
    process: "subprocess.Popen[bytes]", timeout: float | None, drain: float | None
) -> bytes:
    """Return what a program printed.

    Raises:
        subprocess.TimeoutExpired: It is too slow.
    """
    if drain is None:
        return process.communicate(timeout=timeout)[0]
    started, ended = time.monotonic(), None
    while True:
        complete, printed = _look(process)
        now = time.monotonic()
        if ended is None and process.poll() is not None:
            ended = now
        if complete or (ended is not None and now - ended > drain):
            return printed
        if timeout is not None and now - started > timeout:
            raise subprocess.TimeoutExpired(process.args, timeout)


def _look(process: "subprocess.Popen[bytes]") -> tuple[bool, bytes]:
    """Return whether a program's output has come to its end, and what there is of it."""
    try:
        return True, process.communicate(timeout=_LOOK)[0]
    except subprocess.TimeoutExpired as expired:
        return False, expired.output or b""


def _reap_orphans() -> None:
    for child in children():
        if child not in _awaited:
            with suppress(ChildProcessError):  # another thread was first
                os.waitpid(child, os.WNOHANG)
