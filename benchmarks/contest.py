"""The peers at work side by side: their processes, the server between them, and what it counts."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import Pipe
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
        self._printed = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        self._pipe, theirs = Pipe()
        python = python_with(PEERS[name].packages)
        with theirs:
            self._process = subprocess.Popen(
                [*python, "-m", "benchmarks.serve", name, folder, str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **server.env, "NO_PROXY": "127.0.0.1"},
                pass_fds=[theirs.fileno()],
                stdout=self._printed,
                stderr=self._printed,
            )

    def meet(self) -> None:
        """Wait until it is ready."""
        vars(self).update(self._answer())

    def work(self, **request: Any) -> dict[str, Any]:
        """Have a piece of work done: its `seconds`, its `requests`, and what was `wrong`."""
        self._pipe.send({**request, "word": secrets.token_hex(4)})
        self._answer()
        with self._server.counting() as count:
            self._pipe.send({})
            turn = self._answer()
        self._answer()
        return {**turn, "requests": count.requests}

    def close(self) -> None:
        """Let it end."""
        self._pipe.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._printed.close()

    def _answer(self) -> dict[str, Any]:
        with suppress(EOFError):
            if self._pipe.poll(_PATIENCE):
                return dict(self._pipe.recv())
        self._process.kill()
        self._printed.seek(0)
        raise RuntimeError(f"{self.name} has ended, or takes long: {self._printed.read()[-2000:]}")


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
