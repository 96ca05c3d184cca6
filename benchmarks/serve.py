"""One peer in its own process and environment, which does work that it gets through a pipe.

`python -m benchmarks.serve PEER FOLDER PIPE` opens a sandbox and serves until the pipe is closed.
"""

import sys
import time
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, Peer
from benchmarks.session import Session
from benchmarks.work import WORK, Aside, Job, Place


def main(name: str, folder: str, descriptor: str) -> None:
    pipe: Connection[Any, Any] = Connection(int(descriptor))
    peer = import_module(f"benchmarks.peers.{name}").PEER()
    peer.open(folder)
    try:
        home = Path(peer.exec(f'mkdir -p {folder}; echo "$HOME"').text.split()[-1])
        # A confined sandbox's /tmp lies beside its home, and one of this machine's is itself.
        own = home.parent / folder.lstrip("/")
        disk = own if own.exists() else Path(folder)
        pipe.send(
            {
                "sandbox": home.parent.name,
                "disk": str(disk),
                "versions": {package: version(package) for package in PEERS[name].shown},
                "offers": [tool for tool in dir(peer) if not tool.startswith("_")],
            }
        )
        sessions: dict[str, Session] = {}
        while True:
            request = pipe.recv()
            at = Place(folder, disk, request["word"])
            if "step" in request:
                name = request["session"]
                if name not in sessions:
                    sessions[name] = Session(at, name)
                job = sessions[name].step(request["step"], at.word)
            else:
                job = WORK[request["work"]].run(at)
            serve(job, peer, pipe)
    except EOFError:
        pass
    finally:
        with suppress(Exception):  # where sandboxes are not confined, this is the machine's /tmp
            peer.exec(f"rm -rf {folder}")
        peer.close()


def serve(job: Job, peer: Peer, pipe: "Connection[Any, Any]") -> None:
    """Do a piece of work: tell when the call that counts may begin, how it went, and the end."""
    turn: dict[str, Any] = {"seconds": 0.0, "wrong": ""}
    step = after = failed = None
    try:
        step = next(job)
        while isinstance(step, Aside):
            step = job.send(step.call(peer))
    except Exception as error:  # then it fails as the call itself would
        failed = error
    pipe.send({})
    pipe.recv()
    started = time.perf_counter()
    try:
        if failed:
            raise failed
        answer = step(peer)
        turn["seconds"] = time.perf_counter() - started
        after = job.send(answer)
    except StopIteration as end:
        turn["seconds"] = end.value or turn["seconds"]
    except AssertionError as error:
        turn["wrong"] = str(error)[:300]
    except Exception as error:  # whatever a package raises is its answer
        turn["seconds"] = time.perf_counter() - started
        turn["wrong"] = f"{type(error).__name__}: {str(error)[:300]}"
        job.close()
    pipe.send(turn)
    if after:
        after.call(peer)
    pipe.send({})


if __name__ == "__main__":
    main(*sys.argv[1:])
