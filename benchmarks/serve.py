"""One peer in its own process and environment: takes work as JSON lines, answers likewise.

`python -m benchmarks.serve PEER FOLDER` opens a sandbox and serves until standard input ends.
"""

import json
import os
import sys
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, Peer
from benchmarks.session import Session
from benchmarks.work import WORK, Aside, Call, Job, Place, Took


def main(name: str, folder: str) -> None:
    # Packages print what they like; the answers keep the pipe to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    peer = import_module(f"benchmarks.peers.{name}").PEER()
    peer.open(folder)
    try:
        home = Path(peer.exec(f'mkdir -p {folder}; echo "$HOME"').text.split()[-1])
        # A confined sandbox's /tmp lies beside its home, and one of this machine's is itself.
        own = home.parent / folder.lstrip("/")
        disk = own if own.exists() else Path(folder)
        answer(
            sandbox=home.parent.name,
            disk=str(disk),
            versions={package: version(package) for package in PEERS[name].shown},
            offers=[tool for tool in dir(peer) if not tool.startswith("_")],
        )
        sessions: dict[str, Session] = {}
        for line in sys.stdin:
            request = json.loads(line)
            at = Place(folder, disk, request["word"])
            if "step" in request:
                name = request["session"]
                if name not in sessions:
                    sessions[name] = Session(at, name)
                job = sessions[name].step(request["step"], at.word)
            else:
                job = WORK[request["work"]].run(at)
            call = prepared(job, peer)
            answer(prepared=True)
            sys.stdin.readline()
            turn, after = measured(job, call, peer)
            answer(**turn)
            if isinstance(after, Aside):
                after.call(peer)
            answer(over=True)
    finally:
        with suppress(Exception):  # where sandboxes are not confined, this is the machine's /tmp
            peer.exec(f"rm -rf {folder}")
        peer.close()


def prepared(job: Job, peer: Peer) -> Call:
    """Run what comes before, and return the call that counts."""
    step = next(job)
    while isinstance(step, Aside):
        try:
            answer = step.call(peer)
        except Exception as error:  # then it fails as the call itself would
            return partial(fail, error)
        step = job.send(answer)
    call: Call = step
    return call


def fail(error: Exception, peer: Peer) -> None:
    raise error


def measured(job: Job, call: Call, peer: Peer) -> tuple[dict[str, Any], Aside | Took | None]:
    """Make the call, check what came back: how long it took, what was wrong, what comes after."""
    started = time.perf_counter()
    try:
        answer = call(peer)
    except Exception as error:  # whatever a package raises is its answer
        seconds = time.perf_counter() - started
        job.close()
        return {"seconds": seconds, "wrong": f"{type(error).__name__}: {str(error)[:300]}"}, None
    seconds = time.perf_counter() - started
    try:
        after = job.send(answer)
        seconds = after.seconds if isinstance(after, Took) else seconds
        return {"seconds": seconds, "wrong": ""}, after
    except StopIteration:
        return {"seconds": seconds, "wrong": ""}, None
    except AssertionError as error:
        return {"seconds": seconds, "wrong": str(error)[:300]}, None


if __name__ == "__main__":
    main(*sys.argv[1:])
