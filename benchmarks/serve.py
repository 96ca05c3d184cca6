"""One peer in its own process and environment, which does work that it gets through a channel."""

import logging
import os
import re
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.work import WORK, Turn


def main(channel: Any) -> None:
    """Open a sandbox, tell about it, and do all the work that comes."""
    logging.disable()  # the terminal is for us
    name, folder, variables = channel.receive()
    os.environ.update(variables, NO_PROXY="127.0.0.1")
    peer = import_module(f"benchmarks.peers.{name}").Peer()
    peer.open(folder)
    home = Path(peer.exec(f'mkdir -p {folder}; echo "$HOME"').text.split()[-1])
    # A confined sandbox's /tmp lies beside its home, and one of this machine's is itself.
    own = home.parent / folder.lstrip("/")
    disk = own if own.exists() else Path(folder)
    packages = re.sub(r"\[\w+\]", "", PEERS[name].packages).split()
    channel.send(
        {
            "disk": str(disk),
            "versions": {package: version(package) for package in packages},
            "offers": [tool for tool in dir(peer) if not tool.startswith("_")],
        }
    )

    def arrived() -> int:
        channel.send("requests?")
        return int(channel.receive())

    with suppress(EOFError):
        while True:
            work, word = channel.receive()
            turn = Turn(folder, disk, word, arrived)
            with turn.checked():
                WORK[work].run(peer, turn)
            told = {"seconds": turn.seconds, "requests": turn.requests, "wrong": turn.wrong}
            channel.send(told)
