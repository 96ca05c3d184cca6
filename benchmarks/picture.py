"""The picture: how long operations take with each package, in bars on a log scale."""

from html import escape
from math import log10
from statistics import median

from benchmarks.contest import Results
from benchmarks.peers import PEERS
from benchmarks.work import WORK

_SHOWN = ("exec_echo", "read_small", "read_page", "write_1_kb", "edit_seen", "grep", "session")

# Colours that differ for people who see few of them, ours the strongest.
_COLOURS = {
    "raw_sdk": "#9aa0a6",
    "toolkit": "#d55e00",
    "pydantic_ai_backend": "#56b4e9",
    "pydantic_ai_backend_tools": "#0072b2",
    "langchain_daytona": "#009e73",
    "pydantic_ai_daytona": "#cc79a7",
    "agno_tools": "#e6ab02",
}

_WIDTH, _LEFT, _RIGHT, _TOP = 860, 170, 70, 64
_BAR, _GAP = 11, 14
_LOW, _HIGH = 0.05, 100.0


def draw(results: Results) -> str:
    """The picture as SVG, from the farthest server that was measured."""
    measured = [key[0] for key in results.samples if key[0].endswith(" ms")]
    condition = max(dict.fromkeys(measured), key=lambda name: float(name.split()[0]))
    bars: list[str] = []
    y = _TOP
    for work in _SHOWN:
        times = _times(results, condition, work)
        if not times:
            continue
        title = WORK[work].title if work in WORK else "session of 60 calls"
        middle = y + len(times) * _BAR / 2 + 4
        bars.append(f'<text x="{_LEFT - 10}" y="{middle:.0f}" class="end">{escape(title)}</text>')
        for peer, (seconds, right) in times.items():
            end = _x(seconds)
            mark = "" if right else " ✗"
            bars.append(
                f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="{_BAR - 1}" '
                f'fill="{_COLOURS[peer]}"><title>{escape(PEERS[peer].title)}</title></rect>'
                f'<text x="{end + 4:.1f}" y="{y + _BAR - 2}" class="figure">'
                f"{_figure(seconds)}{mark}</text>"
            )
            y += _BAR
        y += _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 24}" '
            f'role="img" aria-label="Time of operations, {condition} away">',
            "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.end{text-anchor:end}"
            ".figure{font-size:9px}.axis{font-size:10px;text-anchor:middle}"
            "line{stroke:#d0d7de}</style>",
            f'<rect width="{_WIDTH}" height="{y + 24}" fill="#fff"/>',
            *_legend(results, condition),
            *_axis(y),
            *bars,
            f'<text x="{_LEFT}" y="{y + 18}">Seconds, on a log scale; the server is {condition} '
            "away. ✗: some answers were wrong or missing.</text>",
            "</svg>",
            "",
        ]
    )


def _times(results: Results, condition: str, work: str) -> dict[str, tuple[float, bool]]:
    """What to draw of a piece of work: seconds by peer, and whether all was right."""
    found = {}
    for peer in _COLOURS:
        samples = results.samples.get((condition, peer, work), [])
        times = [sample.turn.seconds for sample in samples if sample.turn.outcome != "none"]
        if times:
            right = all(sample.turn.outcome == "right" for sample in samples)
            found[peer] = (sum(times) if work == "session" else median(times), right)
    return found


def _x(seconds: float) -> float:
    share = log10(max(seconds, _LOW) / _LOW) / log10(_HIGH / _LOW)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _figure(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _axis(bottom: float) -> list[str]:
    ticks = [0.1, 1, 10, 100]
    return [
        f'<line x1="{_x(tick):.1f}" x2="{_x(tick):.1f}" y1="{_TOP - 6}" y2="{bottom - 8}"/>'
        f'<text x="{_x(tick):.1f}" y="{_TOP - 10}" class="axis">{tick:g} s</text>'
        for tick in ticks
    ]


def _legend(results: Results, condition: str) -> list[str]:
    present = [p for p in _COLOURS if (condition, p, "exec_echo") in results.samples]
    step = (_WIDTH - 40) / max(1, min(4, len(present)))
    return [
        f'<rect x="{20 + n % 4 * step:.0f}" y="{8 + n // 4 * 18}" width="10" height="10" '
        f'fill="{_COLOURS[peer]}"/>'
        f'<text x="{36 + n % 4 * step:.0f}" y="{17 + n // 4 * 18}">'
        f"{escape(PEERS[peer].title)}</text>"
        for n, peer in enumerate(present)
    ]
