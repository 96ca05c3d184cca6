"""What was found, as tables: for the terminal and as Markdown."""

import os
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table as TerminalTable

from benchmarks.contest import Results, Sample
from benchmarks.peers import PEERS
from benchmarks.session import STEPS
from benchmarks.work import WORK

DASH = "–"

_SEARCH = (
    "We bound, sort and quote what is found, so that any name and any number will do; others "
    "take apart what the tools print"
)

# Why others may be faster, by the beginning of the work's name.
_WHY = {
    "exec_50_mb": "Both cut the output in the sandbox. Ours also bounds the file that keeps it, "
    "and shows both of its ends.",
    "exec": "A command of ours is a job: it runs once whatever becomes of the connection, its "
    "streams are apart and bounded, and all that it starts can be ended. That takes some "
    "processes in the sandbox; others hand the text to the shell.",
    "parallel": "A job takes some processes in the sandbox, here a hundred times on cores that "
    "all share.",
    "read": "We read by a program in the sandbox, so that only what is shown crosses the "
    "network; Daytona's download and a bare `awk` start fewer processes.",
    "write": "Our writes are atomic, make the folders, keep mode and owner, and may be sent "
    "twice; an upload writes in place. Large content is uploaded first, a request more.",
    "edit": "Our edit compares the file with what was seen, or looks for its place in the "
    "sandbox, and replaces it at once; others write over it, whoever changed it meanwhile.",
    "grep": f"{_SEARCH}.",
    "glob": f"{_SEARCH}.",
    "ls": f"{_SEARCH}, or call Daytona's own listing.",
    "session": "All of the above. The farther the server is, the less it weighs.",
}

# How many times as long others should take for the session.
_SLOWER = {"langchain_daytona": 3, "pydantic_ai_backend": 2, "pydantic_ai_backend_tools": 2}

_WHY_LOCAL = (
    "These packages work on files in their own process and hand commands to a shell of the "
    "host, with your rights. Ours confines what runs, and does everything by programs that "
    "run in there."
)


@dataclass(frozen=True)
class Table:
    """A table with a title and a note below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def for_terminal(table: Table) -> TerminalTable:
    """The table as rich draws it."""
    drawn = TerminalTable(title=f"\n{table.title}", caption=table.note or None)
    drawn.title_justify = drawn.caption_justify = "left"
    for column in table.columns:
        drawn.add_column(column, justify="left" if column == table.columns[0] else "right")
    for row in table.rows:
        drawn.add_row(*map(_short, row))
    return drawn


def _short(cell: str) -> str:
    """A cell without the second figure, for which a terminal has no room."""
    return re.sub(r" \([\d,.]+\)", "", cell.replace("**", ""))


def markdown(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Benchmark",
        "Every package did the same work against the same server (the test server of this "
        "project, which speaks Daytona's wire protocol and runs real processes) in the same "
        "run, in turns. Every answer was checked, on disk too. A dash is what a package does "
        "not offer. `uv run benchmarks/run.py` makes this file.",
        *_machine(results),
        "![Time of one operation at 80 ms](results.svg)",
        *(_section(table) for table in tables(results)),
        "## Where others are faster",
        *(_others_faster(results) or ["Nowhere, by more than a tenth."]),
        "## What went wrong, or is not offered",
        *_wrong(results, lossy=False),
        "## What went wrong when requests were lost",
        *_wrong(results, lossy=True),
    ]
    return "\n\n".join(parts) + "\n"


def tables(results: Results) -> list[Table]:
    """Every table that there is something for."""
    found = [_goals(results)]
    found += [_times(results, condition) for condition in _conditions(results)]
    found += [
        _wire(results),
        _memory(results),
        _sessions(results),
        _losses(results),
        _cold(results),
    ]
    return [table for table in found if table.rows]


def _goals(results: Results) -> Table:
    """What this benchmark has to show."""
    rows: list[list[str]] = []

    def goal(what: str, value: float, limit: float, unit: str, *, least: bool = False) -> None:
        reached = value >= limit if least else value <= limit
        bound = "at least" if least else "at most"
        mark = "✓" if reached else "✗"
        rows.append([what, f"{value:.2f} {unit}", f"{bound} {limit:g} {unit} {mark}"])

    one = _median(results, "80 ms", "raw_sdk", "exec_echo")
    for work in ("exec_echo", "read_small", "write_1_kb", "edit_seen"):
        ours = _median(results, "80 ms", "toolkit", work)
        if one and ours:
            goal(f"80 ms, {WORK[work].title}: one request of the raw SDK", ours / one, 1.15, "×")
    ours = _total(results, "80 ms", "toolkit", "session")
    for peer, times in _SLOWER.items():
        theirs = _total(results, "80 ms", peer, "session")
        if ours and theirs:
            goal(f"80 ms, session: {_column(peer)}", theirs / ours, times, "× ours", least=True)
    one, ours = (_median(results, "0 ms", peer, "exec_echo") for peer in ("raw_sdk", "toolkit"))
    if one and ours:
        goal("0 ms, exec: behind the raw SDK", (ours - one) * 1000, 25, "ms")
    for condition in _conditions(results):
        one = _median(results, condition, "toolkit", "exec_2_s")
        many = _median(results, condition, "toolkit", "parallel")
        if one and many:
            goal(f"{condition}: 100 commands at once, one of them", many / one, 3, "×")
    return Table("What it should show", ("Figure", "Measured", "Limit"), rows, _ceiling(results))


def _ceiling(results: Results) -> str:
    """What the requests of the session come to where nothing but the distance counts."""
    calls = {peer: _anywhere(results, peer, "session") for peer in ("toolkit", *_SLOWER)}
    sent = {peer: sum(sample.requests for sample in calls[peer]) for peer in calls if calls[peer]}
    if "toolkit" not in sent:
        return ""
    others = "; ".join(
        f"{_column(peer)} {sent[peer]:,}, {sent[peer] / sent['toolkit']:.2f} ×"
        for peer in _SLOWER
        if peer in sent
    )
    return (
        f"The session is {len(STEPS)} calls. For a server far enough away the ratio is that of the "
        f"requests: ours {sent['toolkit']:,}; {others}."
    )


def _times(results: Results, condition: str) -> Table:
    peers = _peers(results, condition)
    one = _median(results, condition, "raw_sdk", "exec_echo")
    rows = []
    for work in (*WORK, "session"):
        cells: dict[str, tuple[float, str]] = {}
        for peer in peers:
            samples = results.samples.get((condition, peer, work), [])
            if times := _times_of(samples):
                if work == "session":
                    cells[peer] = sum(times), f"{sum(times) * 1000:,.0f}"
                else:
                    ratio = f" · {median(times) / one:.2f}×" if one else ""
                    cells[peer] = median(times), f"{_ms(median(times))} ({_ms(p95(times))}){ratio}"
                if marks := _marks(samples):
                    cells[peer] = cells[peer][0], f"{cells[peer][1]} {marks}"
        if cells:
            best = min(seconds for seconds, _ in cells.values())
            row = [_title(work)]
            for peer in peers:
                seconds, text = cells.get(peer, (0.0, DASH))
                row.append(f"**{text}**" if seconds == best else text)
            rows.append(row)
    note = "Milliseconds: median (95th percentile)"
    note += " · in single requests of the raw SDK." if one else "."
    note += " The fastest is bold. ✗: the answer was wrong, or the operation failed."
    return Table(f"Time, {condition}", ("Work", *map(_column, peers)), rows, note)


def _wire(results: Results) -> Table:
    def figure(work: str, samples: Sequence[Sample]) -> str:
        total = sum if work == "session" else median
        requests, sent, received = (
            total([getattr(sample, name) for sample in samples])
            for name in ("requests", "sent", "received")
        )
        return f"{requests:g} · {_kb(sent)} / {_kb(received)}"

    peers = [peer for peer in _peers(results) if not PEERS[peer].local]
    note = "Requests · KB sent / KB received, bodies only."
    return _by_work(results, "On the wire", (*WORK, "session"), peers, figure, note)


def _memory(results: Results) -> Table:
    def figure(_: str, samples: Sequence[Sample]) -> str:
        return f"{max(sample.turn.megabytes for sample in samples):.0f}"

    works = ("exec_50_mb", "read_100_mb", "write_1_mb", "edit_5_mb_seen", "edit_5_mb_unseen")
    note = "Megabytes above what the client's process held before the call, at the peak."
    return _by_work(results, "Memory of the client", works, _peers(results), figure, note)


def _by_work(
    results: Results,
    title: str,
    works: Sequence[str],
    peers: Sequence[str],
    figure: Callable[[str, Sequence[Sample]], str],
    note: str,
) -> Table:
    """A row for each piece of work that any of the peers did, a column for each peer."""
    rows = []
    for work in works:
        done = [_anywhere(results, peer, work) for peer in peers]
        cells = [figure(work, samples) if _times_of(samples) else DASH for samples in done]
        if set(cells) != {DASH}:
            rows.append([_title(work), *cells])
    return Table(title, ("Work", *map(_column, peers)), rows, note)


def _sessions(results: Results) -> Table:
    conditions = _conditions(results)
    rows = []
    for peer in _peers(results):
        cells = []
        every: list[Sample] = []
        for condition in conditions:
            samples = results.samples.get((condition, peer, "session"), [])
            every += samples
            cells.append(f"{sum(_times_of(samples)):.1f}" if samples else DASH)
        if every:
            rows.append([PEERS[peer].title, *cells, _marks(every) or "none"])
    note = (
        f"Seconds for the {len(STEPS)} tool calls of session.py; the last column sums up the runs."
    )
    return Table(
        "Recorded session of a coding agent",
        ("Package", *conditions, "Failed or wrong"),
        rows,
        note,
    )


def _losses(results: Results) -> Table:
    rows = []
    for condition, peer in results.twice:
        if "lost" in condition:
            appends = results.samples.get((condition, peer, "exec_append"), [])
            session = results.samples.get((condition, peer, "session"), [])
            rows.append(
                [
                    PEERS[peer].title,
                    _share(appends, "failed", "wrong"),
                    _share(session, "failed"),
                    _share(session, "wrong"),
                    str(results.twice[condition, peer]),
                    f"{sum(_times_of(session)):.1f}",
                ]
            )
    columns = (
        "Package",
        "exec failed",
        "session: failed",
        "session: wrong",
        "commands run twice",
        "session, s",
    )
    note = "Of the lost requests, half had done their work when the connection was closed."
    return Table("With one request in ten lost (20 ms)", columns, rows, note)


def _cold(results: Results) -> Table:
    rows = []
    for peer, starts in results.cold.items():
        middle = {key: median(start[key] for start in starts) for key in starts[0]}
        total = middle["imports"] + middle["opens"] + middle["first_call"]
        rows.append(
            [
                PEERS[peer].title,
                *(f"{middle[key]:.2f}" for key in ("imports", "opens", "first_call")),
                f"{total:.2f}",
                f"{middle['megabytes']:.0f}",
            ]
        )
    columns = ("Package", "import", "open", "first exec", "sum, s", "memory, MB")
    return Table("Cold start", columns, rows, "Seconds, in a process of its own.")


def _others_faster(results: Results) -> list[str]:
    """Where others need a tenth less time at least, by the reason for it."""
    places: dict[str, list[str]] = {}
    for condition in _conditions(results):
        mine = "toolkit_local" if condition == "local" else "toolkit"
        for work in (*WORK, "session"):
            figure = sum if work == "session" else median
            times = {
                peer: figure(_times_of(samples))
                for peer in _peers(results, condition)
                if _times_of(samples := results.samples.get((condition, peer, work), []))
                and not _marks(samples)
            }
            ours = times.pop(mine, 0.0)
            faster = [f"{_column(p)} {_ms(t)}" for p, t in times.items() if t < 0.9 * ours]
            if faster:
                why = _WHY_LOCAL if condition == "local" else _why(work)
                place = f"{_title(work)}, {condition}: {_ms(ours)} ms; {', '.join(faster)}"
                places.setdefault(why, []).append(place)
    return [
        "\n".join([f"- {why}", *(f"  - {place}" for place in found)])
        for why, found in places.items()
    ]


def _wrong(results: Results, *, lossy: bool) -> list[str]:
    lines = [
        f"- {_column(peer)}, {_title(work)}: {_escaped(why)}"
        for (work, peer, lost), why in results.why.items()
        if lost == lossy
    ]
    return ["\n".join(lines) or "Nothing."]


def _escaped(text: str) -> str:
    """A line of Markdown that shows just this, or its beginning."""
    return "`" + " ".join(text.replace("`", "'").replace("\0", " ").split())[:160] + "`"


def _why(work: str) -> str:
    return next(text for start, text in _WHY.items() if work.startswith(start))


def _machine(results: Results) -> Iterable[str]:
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    yield (
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}. The client, the server and the sandboxes share it."
    )
    yield "\n".join(
        f"- {PEERS[peer].title}: {', '.join(f'{name} {v}' for name, v in versions.items())}"
        for peer, versions in results.versions.items()
    )


def _section(table: Table) -> str:
    lines = [
        f"## {table.title}\n",
        f"| {' | '.join(table.columns)} |",
        f"| --- |{' ---: |' * (len(table.columns) - 1)}",
        *(f"| {' | '.join(row)} |" for row in table.rows),
    ]
    return "\n".join(lines) + (f"\n\n{table.note}" if table.note else "")


def p95(times: Sequence[float]) -> float:
    """The 95th percentile, by rank."""
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


def _conditions(results: Results) -> list[str]:
    """Those under which no request was lost."""
    return [name for name in dict.fromkeys(key[0] for key in results.samples) if "lost" not in name]


def _peers(results: Results, condition: str | None = None) -> list[str]:
    present = {key[1] for key in results.samples if condition in (None, key[0])}
    return [peer for peer in PEERS if peer in present]


def _anywhere(results: Results, peer: str, work: str) -> list[Sample]:
    """The samples of the first condition that has any, lost requests apart."""
    for (condition, other, what), samples in results.samples.items():
        if (other, what) == (peer, work) and "lost" not in condition:
            return samples
    return []


def _times_of(samples: Sequence[Sample]) -> list[float]:
    return [sample.turn.seconds for sample in samples if sample.turn.outcome != "none"]


def _median(results: Results, condition: str, peer: str, work: str) -> float | None:
    times = _times_of(results.samples.get((condition, peer, work), []))
    return median(times) if times else None


def _total(results: Results, condition: str, peer: str, work: str) -> float | None:
    return sum(_times_of(results.samples.get((condition, peer, work), []))) or None


def _marks(samples: Sequence[Sample]) -> str:
    bad = sum(sample.turn.outcome in ("failed", "wrong") for sample in samples)
    return f"✗ {bad} of {len(samples)}" if bad else ""


def _share(samples: Sequence[Sample], *outcomes: str) -> str:
    if not samples:
        return DASH
    return f"{sum(sample.turn.outcome in outcomes for sample in samples)} of {len(samples)}"


def _title(work: str) -> str:
    return WORK[work].title if work in WORK else "session, all calls"


def _column(peer: str) -> str:
    return PEERS[peer].title


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}" if seconds < 0.01 else f"{seconds * 1000:,.0f}"


def _kb(size: Any) -> str:
    return f"{size / 1000:,.1f}" if size < 100_000 else f"{size / 1000:,.0f}"
