"""One peer in its own process and environment: takes work as JSON lines, answers likewise.

`python -m benchmarks.serve PEER FOLDER` opens a sandbox and serves until standard input
ends; with `--cold` it says how long it takes from nothing to the first answer, and ends.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

_started = time.perf_counter()

from benchmarks.peers import PEERS  # noqa: E402
from benchmarks.session import Session  # noqa: E402
from benchmarks.work import WORK, measured, megabytes, prepared  # noqa: E402


def main(name: str, folder: str, *options: str) -> None:
    # Packages print what they like; the answers keep the pipe to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    peer = import_module(f"benchmarks.peers.{name}").PEER()
    imported = time.perf_counter()
    peer.open(folder)
    opened = time.perf_counter()
    place = Path(peer.exec("pwd").text.strip())
    try:
        if "--cold" in options:
            called = time.perf_counter()
            answer(
                imports=imported - _started,
                opens=opened - imported,
                first_call=called - opened,
                megabytes=megabytes("VmHWM"),
            )
            return
        answer(
            python=sys.executable,
            folder=str(place),
            versions={package: version(package) for package in PEERS[name].shown},
            megabytes=megabytes("VmRSS"),
            offers=[tool for tool in dir(peer) if not tool.startswith("_")],
        )
        sessions: dict[str, Session] = {}
        for line in sys.stdin:
            request = json.loads(line)
            if "step" in request:
                part = request["session"]
                if part not in sessions:
                    sessions[part] = Session(place / part)
                job = sessions[part].step(request["step"], request["nonce"])
            else:
                job = WORK[request["work"]].run(place, request["nonce"])
            call = prepared(job, peer)
            answer(prepared=True)
            sys.stdin.readline()
            answer(**asdict(measured(job, call, peer)))
    finally:
        peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
