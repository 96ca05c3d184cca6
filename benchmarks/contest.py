"""The peers at work side by side: their processes, the server between them, and what it counts."""

import secrets
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import execnet

from benchmarks.peers import PEERS, Listed
from daytona_toolkit.testing import DaytonaServer

ROOT = Path(__file__).parents[1]

# Seconds that a piece of work may take before the run is given up.
_PATIENCE = 120.0


class Contestant:
    """A peer in its process; `disk`, `versions` and `offers` are as it told them."""

    disk: str
    versions: dict[str, str]
    offers: list[str]

    def __init__(self, name: str, process: execnet.Gateway, server: DaytonaServer, folder: str):
        self._server = server
        self._channel = process.remote_exec("from benchmarks.serve import main; main(channel)")
        self._channel.send((name, folder, server.env))

    def meet(self) -> None:
        """Wait until it has a sandbox."""
        vars(self).update(self._channel.receive(_PATIENCE))

    def work(self, work: str) -> dict[str, Any]:
        """Have a piece of work done: its `seconds`, its `requests`, and what was `wrong`."""
        with self._server.counting() as count:
            self._channel.send((work, secrets.token_hex(4)))
            while (told := self._channel.receive(_PATIENCE)) == "requests?":
                self._channel.send(count.requests)
        return dict(told)


@contextmanager
def contestants(names: Iterable[str], server: DaytonaServer) -> Iterator[dict[str, Contestant]]:
    """The peers, each with an open sandbox; that is deleted when the server stops."""
    with ExitStack() as stack:
        # Each has a folder directly in /tmp: some packages ask for each folder on the way.
        folders = {
            name: stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
            for name in sorted(names)
        }
        processes = execnet.Group()
        stack.callback(processes.terminate, timeout=30)
        peers = {}
        for name, folder in folders.items():
            python = python_of(PEERS[name])
            process = processes.makegateway(f"popen//id={name}//python={python}//chdir={ROOT}")
            peers[name] = Contestant(name, process, server, folder)
        for peer in peers.values():
            peer.meet()
        yield peers


def python_of(peer: Listed) -> str:
    """The command for a Python that has the peer's packages; ours, if they are installed here."""
    wanted = f"uv run -q --isolated --no-project --with {peer.packages.replace(' ', ',')} --python"
    return sys.executable if peer.here else f"{wanted} {sys.executable} python"
