"""Run the benchmark: `uv run benchmarks/run.py`.

Every peer does the same work against the same server in the same run, in turns. What was
measured goes to `results.json`, and from there to `results.md` and `results.svg`; `--render`
makes these anew without a run, and `--only` runs some parts and keeps the rest. `--quick` takes
seconds, and fails when an operation of ours costs more requests than `expected.json` allows.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import page
from benchmarks.contest import ROOT, Contestant, contestants, lost
from benchmarks.peers import PEERS
from benchmarks.session import STEPS
from benchmarks.work import WORK
from daytona_toolkit.testing import DaytonaServer

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
EXPECTED = HERE / "expected.json"

OPERATIONS = [name for name in WORK if name not in ("raw", "append", "live")]
LATENCIES = (0, 20, 50)
FLEETS = {1: 3, 10: 3, 100: 2, 1000: 1}

# A peer has at least so many turns, and more until it has used up so many seconds.
_LEAST, _MOST, _SECONDS = 2, 12, 0.5
_PASSES, _PASS_SECONDS = 3, 6.0
_APPENDS = 40

Peers = dict[str, Contestant]
Samples = dict[str, dict[str, Any]]


def main() -> int:
    options = arguments()
    # Whoever ends the run early still has its processes ended and its folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.quick:
        return quick()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not options.render:
        measure(options.only or list(PARTS), options.rounds, results)
    page.write(results)
    return 0


def measure(parts: list[str], rounds: int, results: dict[str, Any]) -> None:
    """Run parts, and put what they find in the place of what there was."""
    results["machine"] = f"{cpu()}, {os.cpu_count()} cores, Linux {platform.release()}"
    results["python"] = platform.python_version()
    versions = results.setdefault("versions", {})
    # Local, who comes first is the measure.
    groups = {
        "local": ["local_shell", "toolkit_local"],
        "output": ["raw_sdk", "toolkit"],
        "fleet": [],
    }
    remote = [name for name in PEERS if not PEERS[name].local]
    needed = {part: groups.get(part, remote) for part in parts}
    with DaytonaServer() as server, contestants({*chain(*needed.values())}, server) as peers:
        versions.update({name: peer.versions for name, peer in peers.items()})
        for part, names in needed.items():
            started = time.monotonic()
            results[part] = PARTS[part](server, {name: peers[name] for name in names}, rounds)
            # Kept at once: a later part may be interrupted.
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr)


def operations(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """Each operation, over one raw request in the same round."""
    found: dict[str, dict[str, Samples]] = {}
    for latency in LATENCIES:
        server.latency = latency / 1000
        found[str(latency)] = {
            name: turns(peers, name, rounds, lambda: peers["raw_sdk"].work(work="raw")["seconds"])
            for name in OPERATIONS
        }
    return found


def turns(peers: Peers, work: str, rounds: int, measure: Callable[[], float] | None) -> Samples:
    """Give all who can do some work their turns; without a measure, the first peer is it."""
    able = {name: peer for name, peer in peers.items() if WORK[work].needs <= set(peer.offers)}
    found: Samples = {name: empty() for name in able}
    for number in range(rounds):
        one = measure() if measure else 0.0
        for name, peer in able.items():
            if number >= _LEAST and sum(found[name]["seconds"]) > _SECONDS:
                continue
            turn = peer.work(work=work)
            one = one or turn["seconds"]
            note(found[name], turn, one)
    return found


def session(server: DaytonaServer, peers: Peers, rounds: int) -> Samples:
    """The recorded session, step by step, 20 ms away."""
    server.latency = 0.02
    return passes(peers, rounds, lambda: peers["raw_sdk"].work(work="raw")["seconds"])


def passes(peers: Peers, rounds: int, measure: Callable[[], float] | None) -> Samples:
    found: Samples = {name: empty() for name in peers}
    for number in range(min(rounds, _PASSES)):
        going = [n for n in peers if not number or sum(found[n]["seconds"]) < _PASS_SECONDS]
        sums = {name: {"seconds": 0.0, "requests": 0} for name in going}
        base = 0.0
        for step in range(len(STEPS)):
            base += measure() if measure else 0.0
            for name in going:
                turn = peers[name].work(session=f"session-{number}", step=step)
                for key in sums[name]:
                    sums[name][key] += turn[key]
                found[name]["wrong"] += [turn["wrong"]] if turn["wrong"] else []
        for name in going:
            one = base or sums[next(iter(peers))]["seconds"]
            note(found[name], {**sums[name], "wrong": ""}, one)
    return found


def local(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """On this machine: the session, and operations that both peers have."""
    work = [name for name in OPERATIONS if WORK[name].needs <= set(peers["local_shell"].offers)]
    found = {name: turns(peers, name, rounds, None) for name in work}
    return {"session": passes(peers, rounds, None), **found}


def output(server: DaytonaServer, peers: Peers, rounds: int) -> Samples:
    """How long after it was printed the latest line of a command was seen."""
    server.latency = 0.02
    return turns(peers, "live", min(rounds, _PASSES), None)


def faults(server: DaytonaServer, peers: Peers, rounds: int) -> Samples:
    """Commands while one request in ten is lost."""
    server.latency = 0.02
    found: Samples = {}
    for name, peer in peers.items():
        for fault in lost(peer.sandbox):
            server.faults.add(fault)
        done = [peer.work(work="append") for _ in range(min(_APPENDS, 4 * rounds))]
        server.faults.clear()
        ran = Counter(Path(peer.disk, "runs").read_text().split())
        found[name] = {
            "of": len(done),
            "failed": sum(bool(turn["wrong"]) for turn in done),
            "twice": sum(count > 1 for count in ran.values()),
            "wrong": next((turn["wrong"] for turn in done if turn["wrong"]), ""),
        }
    return found


def fleet(server: DaytonaServer, peers: Peers, rounds: int) -> Any:
    """Many sessions in one process, beside the SDK alone with one client; see tests/fleet."""
    serving = subprocess.Popen(
        [sys.executable, "-m", "tests.fleet.server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert serving.stdin is not None
    assert serving.stdout is not None
    url = json.loads(serving.stdout.readline())["url"]
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    try:
        for size, times in FLEETS.items():
            kinds = found[str(size)] = {"raw": [], "ours": []}
            for _ in range(min(times, rounds)):
                for kind, samples in kinds.items():
                    command = [sys.executable, "-m", "tests.fleet.client", kind, str(size), url]
                    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
                    samples.append(json.loads(done.stdout))
    finally:
        serving.stdin.close()
        serving.wait(30)
    return found


PARTS: dict[str, Callable[[DaytonaServer, Peers, int], Any]] = {
    "operations": operations,
    "session": session,
    "local": local,
    "output": output,
    "faults": faults,
    "fleet": fleet,
}


def quick() -> int:
    """Hold the requests of our operations against what is expected; 1 if there are more."""
    expected, worst = json.loads(EXPECTED.read_text()), 0
    with DaytonaServer() as server, contestants(["toolkit"], server) as peers:
        found = {name: turns(peers, name, 1, None)["toolkit"] for name in OPERATIONS}
        found["session"] = passes(peers, 1, None)["toolkit"]
    for problem in compare(found, expected):
        print(problem)
        worst = 1
    return worst


def compare(found: Samples, expected: dict[str, int]) -> list[str]:
    """Say where answers are wrong, or requests other than expected."""
    problems = []
    for name, entry in found.items():
        problems += [f"{name}: {why}" for why in entry["wrong"]]
        [requests] = entry["requests"]
        if requests > expected[name]:
            problems.append(f"{name} takes {requests} requests, not {expected[name]}")
        elif requests < expected[name]:
            problems.append(f"{name} takes {requests} requests; lower expected.json to that")
    return problems


def empty() -> dict[str, Any]:
    return {"seconds": [], "raw": [], "requests": [], "wrong": []}


def note(entry: dict[str, Any], turn: dict[str, Any], one: float) -> None:
    """Keep a turn, and what its measure took in the same round."""
    entry["seconds"].append(round(turn["seconds"], 5))
    entry["raw"].append(round(one, 5))
    entry["requests"].append(turn["requests"])
    entry["wrong"] += [turn["wrong"]] if turn["wrong"] else []


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "CPU")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="ours against expected.json")
    parser.add_argument("--render", action="store_true", help="make the page anew, run nothing")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="run this part")
    parser.add_argument("--rounds", type=int, default=_MOST, help="turns of each peer at most")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
