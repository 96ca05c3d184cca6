"""The peers at work side by side: their processes, the server between them, and what it counts."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS
from daytona_toolkit.testing import DaytonaServer, DropAfter, DropBefore, Mixed

ROOT = Path(__file__).parents[1]

# Seconds that a piece of work may take before its peer is given up.
_PATIENCE = 120.0


class Contestant:
    """A peer's process; `sandbox`, `disk`, `versions` and `offers` are as it told them."""

    sandbox: str
    disk: str
    versions: dict[str, str]
    offers: list[str]

    def __init__(self, name: str, server: DaytonaServer, folder: str) -> None:
        self.name = name
        self._server = server
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        self._process = subprocess.Popen(
            [*python_with(PEERS[name].packages), "-m", "benchmarks.serve", name, folder],
            cwd=ROOT,
            env={**os.environ, **server.env, "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )

    def meet(self) -> None:
        """Wait until it is ready."""
        vars(self).update(self._answer())

    def work(self, **request: Any) -> dict[str, Any]:
        """Have a piece of work done: its `seconds`, its `requests`, and what was `wrong`."""
        self._send({**request, "word": secrets.token_hex(4)})
        self._answer()
        with self._server.counting() as count:
            self._send({})
            turn = self._answer()
        self._answer()
        return {**turn, "requests": count.requests}

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        impatience = threading.Timer(_PATIENCE, self._process.kill)
        impatience.start()
        line = self._process.stdout.readline()
        impatience.cancel()
        if not line:
            self._complaints.seek(0)
            raise RuntimeError(f"{self.name} has ended: {self._complaints.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def python_with(packages: Sequence[str]) -> list[str]:
    """The command for Python in an environment of its own; ours, if nothing is wanted."""
    if not packages:
        return [sys.executable]
    wanted = [word for package in packages for word in ("--with", package)]
    isolated = ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable]
    return [*isolated, *wanted, "python"]


@contextmanager
def contestants(names: Iterable[str], server: DaytonaServer) -> Iterator[dict[str, Contestant]]:
    """The peers, each with an open sandbox."""
    with ExitStack() as stack:
        peers = {}
        for name in sorted(names):
            folder = f"/tmp/w-{secrets.token_hex(4)}"
            if PEERS[name].local:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
            peers[name] = Contestant(name, server, folder)
            stack.callback(peers[name].close)
        for peer in peers.values():
            peer.meet()
        yield peers


def lost(sandbox: str) -> list[Mixed]:
    """One request in ten to a sandbox is lost, half of them when they have done their work.

    Commands have a die of their own, and every peer the same dice: whoever sends as many
    requests of a kind loses the same ones.
    """

    def die(*, commands: bool) -> Mixed:
        return Mixed(
            faults=(DropBefore(), DropAfter()),
            probability=0.1,
            seed=7,
            where=lambda record: (
                record.sandbox_id == sandbox
                and (record.kind in ("execute", "session_execute")) == commands
            ),
        )

    return [die(commands=True), die(commands=False)]
