"""Plot: bars and lines as SVG, readable on light and on dark."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import ceil, log10

from bench.measured import Spread

_WIDTH = 720
_STYLE = """
  svg { background: #fff } text { font: 13px system-ui, sans-serif; fill: #24292f } .dim { fill: #57606a }
  .title { font-weight: 600; font-size: 15px } .grid { stroke: #d0d7de } .whisker { stroke: #24292f; stroke-width: 1.5 }
  .s0 { --c: #0969da } .s1 { --c: #bc4c00 } .s2 { --c: #1a7f37 } .s3 { --c: #8250df }
  rect, circle { fill: var(--c) } polyline { fill: none; stroke: var(--c); stroke-width: 2.5 } text.name { fill: var(--c) }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #e6edf3 } .dim { fill: #9198a1 } .grid { stroke: #30363d }
    .whisker { stroke: #e6edf3 } .s0 { --c: #58a6ff } .s1 { --c: #f0883e } .s2 { --c: #3fb950 } .s3 { --c: #bc8cff }
  }
"""


def bars(title: str, unit: str, spreads: Mapping[str, Spread]) -> str:
    """A bar for each median, with a line from the least to the most."""
    left, right, top, step = 190, 90, 52, 38
    scale = (_WIDTH - left - right) / max(each.high for each in spreads.values())
    drawn = [_text(16, 28, title, "title"), _text(_WIDTH - 16, 28, unit, "dim", "end")]
    for number, (name, each) in enumerate(spreads.items()):
        y, middle = top + number * step, top + number * step + 12
        low, high, width = (left + scale * value for value in (each.low, each.high, each.median))
        drawn += [
            _text(left - 12, middle + 5, name, anchor="end"),
            f'<rect class="s{number % 4}" x="{left}" y="{y}" width="{width - left:.1f}" height="24" rx="3"/>',
            f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10"/>',
            _text(max(high, width) + 10, middle + 5, f"{each.median:.3g}"),
        ]
    return _svg(top + step * len(spreads) + 8, title, drawn)


def lines(
    title: str, across: str, up: str, places: Sequence[int], series: Mapping[str, Sequence[float]]
) -> str:
    """A line for each series, over places that stand evenly apart; upwards each step is ten times more."""
    left, right, top, height = 72, 190, 60, 300
    most = max(1, ceil(log10(max(max(values) for values in series.values()))))
    step = (_WIDTH - left - right) / max(1, len(places) - 1)
    drawn = [
        _text(16, 28, title, "title"),
        _text(16, 48, up, "dim"),
        _text(left, top + height + 44, across, "dim"),
    ]
    for power in range(most + 1):
        y = top + height * (1 - power / most)
        drawn.append(f'<path class="grid" d="M{left} {y:.1f}H{_WIDTH - right}"/>')
        drawn.append(_text(left - 10, y + 5, f"{10**power:,}", "dim", "end"))
    drawn += [
        _text(left + step * n, top + height + 22, f"{place:,}", "dim", "middle")
        for n, place in enumerate(places)
    ]
    ends = []
    for number, (name, values) in enumerate(series.items()):
        points = [
            (left + step * n, top + height * (1 - log10(max(1, value)) / most))
            for n, value in enumerate(values)
        ]
        drawn.append(f'<g class="s{number % 4}"><polyline points="{_joined(points)}"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 - number}"/>' for x, y in points]
        drawn.append("</g>")
        ends.append((points[-1][1], number, name))
    beside = 0.0
    for y, number, name in sorted(ends):
        beside = max(y, beside + 18)
        drawn.append(f'<g class="s{number % 4}">{_text(_WIDTH - right + 14, beside + 5, name, "name")}</g>')
    return _svg(top + height + 60, title, drawn)


def _svg(height: float, title: str, drawn: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title><style>{_STYLE}</style>", *drawn, "</svg>\n"])


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
