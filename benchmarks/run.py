"""Run the benchmark: `uv run benchmarks/run.py`.

Every peer does the same work against the same server in the same run, in turns. What was
measured goes to `results.json`, and from there to `results.md` and `results.svg`; `--render`
makes these anew without a run, and `--only` runs some parts and keeps the rest. `--quick` takes
seconds, and fails when an operation of ours costs other requests than `expected.json` says.
"""

import argparse
import json
import os
import platform
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import page
from benchmarks.contest import Contestant, contestants
from benchmarks.page import OURS, RAW, REMOTE
from benchmarks.work import WORK
from daytona_toolkit.testing import DaytonaServer, DropAfter, DropBefore, Mixed
from tests.fleet.support import measured, serving

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
EXPECTED = HERE / "expected.json"

OPERATIONS = [name for name, work in WORK.items() if work.title]
LATENCIES = (0, 20, 50)

Peers = dict[str, Contestant]
Samples = dict[str, dict[str, list[Any]]]


def main() -> str | None:
    options = arguments()
    # Whoever ends the run early still has its processes ended and its folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.quick:
        return quick()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not options.render:
        measure(options.only or list(PARTS), options.rounds, results)
    page.write(results)
    return None


def measure(parts: list[str], rounds: int, results: dict[str, Any]) -> None:
    """Run parts, and put what they find in the place of what there was."""
    results["machine"] = f"{cpu()}, {os.cpu_count()} cores, Linux {platform.release()}"
    results["python"] = platform.python_version()
    versions = results.setdefault("versions", {})
    needed = {name for part in parts for name in PARTS[part][1]}
    with DaytonaServer() as server, contestants(needed, server) as peers:
        versions.update({name: peer.versions for name, peer in peers.items()})
        for part in parts:
            started = time.monotonic()
            run, names = PARTS[part]
            results[part] = run(server, {name: peers[name] for name in names}, rounds)
            # Kept at once: a later part may be interrupted.
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr)


def turns(peers: Peers, work: str, rounds: int, least: int = 2, enough: float = 0.5) -> Samples:
    """Give all who can do some work their turns.

    A peer has at least so many, and more until it has used up enough seconds. With each round
    goes one raw request, if the SDK alone is among the peers.
    """
    able = {name: peer for name, peer in peers.items() if WORK[work].needs <= set(peer.offers)}
    kinds = ("seconds", "raw", "requests", "wrong")
    found: Samples = {name: {kind: [] for kind in kinds} for name in able}
    for number in range(rounds):
        raw = peers[RAW].work("raw")["seconds"] if RAW in peers else 0.0
        for name, peer in able.items():
            entry = found[name]
            if number < least or sum(entry["seconds"]) <= enough:
                turn = peer.work(work)
                entry["seconds"].append(round(turn["seconds"], 5))
                entry["raw"].append(round(raw, 5))
                entry["requests"].append(turn["requests"])
                entry["wrong"] += turn["wrong"]
    return found


def operations(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """Each operation, over one raw request in the same round."""
    found: dict[str, dict[str, Samples]] = {}
    for latency in LATENCIES:
        server.latency = latency / 1000
        found[str(latency)] = {name: turns(peers, name, rounds) for name in OPERATIONS}
    return found


def session(server: DaytonaServer, peers: Peers, rounds: int) -> Samples:
    """The recorded session, 20 ms away."""
    server.latency = 0.02
    return turns(peers, "session", min(rounds, 3), least=1, enough=6)


def local(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """On this machine: the session, and operations that both peers have."""
    work = [name for name in OPERATIONS if WORK[name].needs <= set(peers["local_shell"].offers)]
    found = {name: turns(peers, name, rounds) for name in work}
    return {"session": session(server, peers, rounds), **found}


def output(server: DaytonaServer, peers: Peers, rounds: int) -> Samples:
    """How long after it was printed the latest line of a command was seen."""
    server.latency = 0.02
    return turns(peers, "live", min(rounds, 3))


def faults(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """Commands while one request in ten is lost, half of these when it has done its work."""
    server.latency = 0.02
    found = {}
    for name, peer in peers.items():
        # The same dice for all: whoever sends as many requests loses the same ones.
        server.faults.add(Mixed(faults=(DropBefore(), DropAfter()), probability=0.1, seed=7))
        done = [peer.work("append")["wrong"] for _ in range(min(40, 4 * rounds))]
        server.faults.clear()
        wrong = [why for whys in done for why in whys]
        ran = Counter(Path(peer.disk, "runs").read_text().split())
        twice = sum(count > 1 for count in ran.values())
        found[name] = {"of": len(done), "failed": len(wrong), "twice": twice, "wrong": wrong}
    return found


def fleet(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """Many sessions in one process, beside the SDK alone with one client; see tests/fleet."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with serving() as served:
        for size, times in {1: 3, 10: 3, 100: 2, 1000: 1}.items():
            kinds = found[str(size)] = {"raw": [], "ours": []}
            for _ in range(min(times, rounds)):
                for kind, samples in kinds.items():
                    samples.append(measured(kind, size, served))
    return found


# What each part does, and the peers that it needs.
PARTS: dict[str, tuple[Callable[[DaytonaServer, Peers, int], Any], list[str]]] = {
    "operations": (operations, REMOTE),
    "session": (session, REMOTE),
    "local": (local, ["local_shell", "toolkit_local"]),
    "output": (output, [RAW, OURS]),
    "faults": (faults, REMOTE),
    "fleet": (fleet, []),
}


def quick() -> str | None:
    """What is wrong with our operations, or costs other requests than expected."""
    with DaytonaServer() as server, contestants([OURS], server) as peers:
        found = {name: turns(peers, name, 1)[OURS] for name in OPERATIONS}
        found["session"] = session(server, peers, 1)[OURS]
    return "\n".join(compare(found, json.loads(EXPECTED.read_text()))) or None


def compare(found: Samples, expected: dict[str, int]) -> list[str]:
    """Say where answers are wrong, or requests other than expected."""
    problems = [f"{name}: {why}" for name, entry in found.items() for why in entry["wrong"]]
    for name, entry in found.items():
        [requests] = entry["requests"]
        if requests != expected[name]:
            problems.append(f"{name} takes {requests} requests, not {expected[name]}")
    return problems


def cpu() -> str:
    found = re.search(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else "CPU"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="ours against expected.json")
    parser.add_argument("--render", action="store_true", help="make the page anew, run nothing")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="run this part")
    parser.add_argument("--rounds", type=int, default=12, help="turns of each peer at most")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
