"""The results page and its picture, from what was measured."""

import math
import re
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.peers import PEERS
from benchmarks.work import WORK

Entry = dict[str, Any]

_HERE = Path(__file__).parent
_README = _HERE.parent / "README.md"

OURS = "toolkit"
RAW = "raw_sdk"
REMOTE = [name for name in PEERS if not PEERS[name].local]
OTHERS = [name for name in REMOTE if name not in (OURS, RAW)]
TITLES = {name: listed.title for name, listed in PEERS.items()}


def write(results: dict[str, Any]) -> None:
    """Write `results.md` and `results.svg` beside this file, and the figures of the README."""
    page = rendered(results)
    (_HERE / "results.md").write_text(page)
    _README.write_text(quoted(_README.read_text(), page))
    draw(results["operations"]["50"], _HERE / "results.svg")


def rendered(results: dict[str, Any]) -> str:
    """The page; the text is in `results.md.jinja`."""
    pages = Environment(
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.globals.update(globals())
    pages.filters["ratio"] = ratio
    return pages.get_template("results.md.jinja").render(results, this=results)


def quoted(text: str, page: str) -> str:
    """A text whose findings, which begin as those of the page, are those of the page."""
    subject = re.compile(r"- \*\*.+?\*\*")
    lines = text.splitlines()
    for finding in filter(subject.match, page.splitlines()):
        start = subject.findall(finding)[0]
        lines = [finding if line.startswith(start) else line for line in lines]
    return "".join(f"{line}\n" for line in lines)


def ratio(entry: Entry) -> float:
    """How often one raw request goes into it: the median of the rounds."""
    return relative(entry, {"seconds": entry["raw"]})


def relative(entry: Entry, other: Entry) -> float:
    """How often another entry goes into it, round by round."""
    pairs = zip(entry["seconds"], other["seconds"], strict=False)
    return float(median(seconds / others for seconds, others in pairs))


def ranked(entries: dict[str, Entry]) -> list[str]:
    """The other packages whose answers are right, the fastest first."""
    right = [name for name in OTHERS if name in entries and not entries[name]["wrong"]]
    return sorted(right, key=lambda name: ratio(entries[name]))


def cell(entry: Entry | None) -> str:
    """Ratio and requests, and a mark where answers were wrong."""
    if entry is None:
        return "–"
    mark = f" ✗ {len(entry['wrong'])}" if entry["wrong"] else ""
    return f"{number(ratio(entry))} × · {median(entry['requests']):g}{mark}"


def number(value: float) -> str:
    """A figure with three digits, and no more than two behind the point."""
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 2
    return f"{value:,.{min(2, max(0, digits))}f}"


def ahead(operations: dict[str, dict[str, dict[str, Entry]]]) -> dict[str, list[str]]:
    """Where ours takes longer than another package: by how much, for each operation."""
    found: dict[str, list[str]] = {}
    for latency, works in operations.items():
        for work, entries in works.items():
            for peer in filter(ranked(entries).__contains__, OTHERS):
                times = relative(entries[OURS], entries[peer])
                if times > 1.02:
                    told = f"{number(times)} × {TITLES[peer]} at {latency} ms"
                    found.setdefault(work, []).append(told)
    return found


def spread(faults: dict[str, Entry], figure: str) -> str:
    """The least and the most of the other packages."""
    least, *_, most = sorted(faults[name][figure] for name in OTHERS)
    return f"{least} to {most}" if least < most else f"{least}"


def problems(results: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """What was wrong: for a package and what it did, the reasons."""
    tables = [("the session", results["session"])]
    for works in results["operations"].values():
        tables += [(WORK[work].title, entries) for work, entries in works.items()]
    tables.append(("with one request in ten lost", results["faults"]))
    found: dict[tuple[str, str], list[str]] = {}
    for title, entries in tables:
        for name, entry in entries.items():
            if entry["wrong"]:
                found.setdefault((TITLES[name], title), entry["wrong"])
    return found


def draw(entries: dict[str, dict[str, Entry]], path: Path) -> None:
    """A row for each operation, a mark for each package, on a log scale."""
    import matplotlib as mpl  # it takes a second, which who wants no picture does not have to wait
    from matplotlib import pyplot as plt

    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "results", "font.size": 9}
    works = [name for name in WORK if name in entries]
    figure, axes = plt.subplots(figsize=(8.6, 0.36 * len(works) + 1.5), layout="constrained")
    styles = {RAW: ("|", "#57606a", 11), OURS: ("D", "#d55e00", 8)}
    for index, name in enumerate((*OTHERS, RAW, OURS)):
        marker, colour, size = styles.get(name, ("o", f"C{index}", 6))
        axes.plot([], [], marker, color=colour, markersize=size, label=TITLES[name])
        for row, work in enumerate(works):
            if entry := entries[work].get(name):
                shape = "x" if entry["wrong"] else marker
                axes.plot(ratio(entry), row, shape, color=colour, markersize=size, alpha=0.8)
    axes.set(xscale="log", ylim=(len(works) - 0.4, -0.6))
    axes.set_yticks(range(len(works)), [WORK[name].title for name in works])
    axes.xaxis.set_major_formatter("{x:g} ×")
    axes.set_xlabel(
        "time, in raw requests of the same round; the server is 50 ms away; a cross: wrong answers"
    )
    axes.grid(axis="x", color="#d0d7de", linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
