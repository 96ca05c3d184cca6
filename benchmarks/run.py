"""Run the benchmark: `uv run benchmarks/run.py`.

Every peer does the same work against the same server in the same run, in turns. A full run
takes some minutes, prints what it found, and writes `results.md` and `results.svg` beside
this file. `--quick` takes less than a minute, asks for no other package, and fails when an
operation of ours costs more requests than `expected.json` allows.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import picture, report
from benchmarks.contest import Condition, Contest, Results, contestants
from benchmarks.peers import PEERS
from benchmarks.session import STEPS
from benchmarks.work import WORK
from daytona_toolkit.testing import DaytonaServer

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"

LOST = Condition("20 ms, one request in ten lost", 0.02, lossy=True)
LOCAL = Condition("local")

# Lost requests strike at random, so there have to be many.
_APPENDS = 60

_COLD_STARTS = 2

OFTEN = [name for name, work in WORK.items() if not work.heavy and name != "exec_append"]
HEAVY = [name for name, work in WORK.items() if work.heavy]


def main() -> int:
    options = arguments()
    # Whoever ends the run early still has its processes ended and its folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    started, last = time.monotonic(), ""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("starting the peers", total=None)

        def advance(what: str) -> None:
            nonlocal last
            progress.update(task, advance=1, description=what)
            if not console.is_terminal and what != last:
                print(f"{time.monotonic() - started:5.0f} s  {what}", file=sys.stderr)
            last = what

        def expect(steps: int) -> None:
            progress.update(task, total=steps)

        results = quick(advance, expect) if options.quick else full(options, advance, expect)
    for table in report.tables(results):
        console.print(report.for_terminal(table))
    if options.quick:
        return compare(results, console)
    if not options.only:
        (HERE / "results.md").write_text(report.markdown(results))
        (HERE / "results.svg").write_text(picture.draw(results))
        console.print(f"wrote {HERE / 'results.md'} and results.svg")
    return 0


def full(
    options: argparse.Namespace, advance: Callable[[str], None], expect: Callable[[int], None]
) -> Results:
    """Everything, or what the options leave of it."""
    conditions = [Condition(f"{latency:g} ms", latency / 1000) for latency in options.latency]
    chosen = [name for name in PEERS if not options.only or name in (*options.only, "raw_sdk")]
    remote = [name for name in chosen if not PEERS[name].local]
    local = [name for name in chosen if PEERS[name].local]
    often, heavy = turns(OFTEN), turns(HEAVY)
    expect(
        len(conditions) * (often + len(STEPS))
        + heavy
        + _COLD_STARTS
        + _APPENDS
        + len(STEPS)
        + bool(local) * (often + heavy + len(STEPS))
    )
    with DaytonaServer() as server:
        with contestants(remote, server) as peers:
            contest = Contest(server, peers, advance)
            for condition in conditions:
                contest.run(condition, OFTEN, turns_of)
                contest.session(condition)
            contest.run(middle(conditions), HEAVY, turns_of)
            contest.run(LOST, ["exec_append"], lambda _: _APPENDS)
            contest.session(LOST)
            contest.cold(conditions[-1], _COLD_STARTS)
        if local:
            with contestants(local, server) as peers:
                nearby = Contest(server, peers, advance)
                nearby.run(LOCAL, OFTEN + HEAVY, turns_of)
                nearby.session(LOCAL)
            contest.results.add(nearby.results)
    return contest.results


def quick(advance: Callable[[str], None], expect: Callable[[int], None]) -> Results:
    """What tells whether operations of ours have become dearer."""
    condition = Condition("0 ms")
    expect(len(OFTEN) + len(STEPS))
    with DaytonaServer() as server, contestants(["raw_sdk", "toolkit"], server) as peers:
        contest = Contest(server, peers, advance)
        contest.run(condition, OFTEN, lambda _: 1)
        contest.session(condition)
    return contest.results


def compare(results: Results, console: Console) -> int:
    """Hold the requests of our operations against what is expected; 1 if there are more."""
    expected, worst = json.loads(EXPECTED.read_text()), 0
    for (_, peer, work), samples in results.samples.items():
        if peer != "toolkit":
            continue
        for sample in samples:
            if sample.turn.outcome != "right":
                console.print(f"[red]{work} is {sample.turn.outcome}: {sample.turn.why}")
                worst = 1
        requests = sum(sample.requests for sample in samples)
        if requests > expected[work]:
            console.print(f"[red]{work} takes {requests} requests, not {expected[work]}")
            worst = 1
        elif requests < expected[work]:
            console.print(f"{work} takes {requests} requests; lower expected.json to that")
    return worst


def turns_of(work: str) -> int:
    return WORK[work].turns


def turns(works: list[str]) -> int:
    return sum(map(turns_of, works))


def middle(conditions: list[Condition]) -> Condition:
    return conditions[len(conditions) // 2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="ours against expected.json, in under a minute")
    add(
        "--only",
        action="append",
        choices=list(PEERS),
        metavar="PEER",
        help=f"only this peer and the raw SDK; writes nothing. One of {', '.join(PEERS)}",
    )
    add(
        "--latency",
        type=lambda text: [float(word) for word in text.split(",")],
        default=[0, 20, 80],
        help="milliseconds that the server adds to each request; default 0,20,80",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
