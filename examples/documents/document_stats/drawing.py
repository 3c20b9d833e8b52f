"""An SVG of bar charts side by side, readable on light and dark pages and by a screen reader."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PANEL = 460
MARGIN = 32
HEAD = 128
ROW = 24
SHORTEST_LABEL, LONGEST_LABEL = 5, 28
CHARACTER = 7.3  # a mean width at 13 px in the fonts below
VALUE = 72  # room for a number behind its bar

# Every text has a contrast of at least 4.5 to 1 with its background, every bar of 3 to 1.
STYLE = """
  .page { fill: #ffffff } .title { fill: #16202b; font-size: 22px; font-weight: 650 }
  .summary, .unit { fill: #52606d; font-size: 14px }
  .heading { fill: #16202b; font-size: 15px; font-weight: 600 }
  .label { fill: #27323d; font-size: 13px; text-anchor: end } .value { fill: #52606d; font-size: 12px }
  .bar0 { fill: #2a66b0 } .bar1 { fill: #a85a08 }
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
  @media (prefers-color-scheme: dark) {
    .page { fill: #12171d } .title, .heading { fill: #f0f3f6 } .summary, .unit, .value { fill: #a9b4c0 }
    .label { fill: #dbe1e7 } .bar0 { fill: #73abe9 } .bar1 { fill: #e3a355 }
  }
"""

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Panel:
    """Labelled numbers, the largest first, and what they count."""

    heading: str
    unit: str
    rows: Sequence[Sequence[str | int]]


def bar_chart(title: str, summary: str, panels: Sequence[Panel]) -> str:
    """The text of an SVG file: a bar for each row, the longest of each panel as long as the panel is wide."""
    width = MARGIN + len(panels) * (PANEL + MARGIN)
    height = HEAD + ROW * max([1, *(len(panel.rows) for panel in panels)]) + MARGIN
    size = f'width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}',
        ' role="img" aria-labelledby="title desc">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="desc">{_text(_description(summary, panels))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" {size}/>',
        f'<text class="title" x="{MARGIN}" y="44">{_text(title)}</text>',
        f'<text class="summary" x="{MARGIN}" y="70">{_text(summary)}</text>',
    ]
    for number, panel in enumerate(panels):
        lines += _panel(panel, number, MARGIN + number * (PANEL + MARGIN))
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel, number: int, left: int) -> Iterator[str]:
    yield f'<g transform="translate({left} 0)">'
    yield (
        f'<text class="heading" x="0" y="{HEAD - 20}">{_text(panel.heading)}'
        f'<tspan class="unit" dx="8" font-weight="400">{_text(panel.unit)}</tspan></text>'
    )
    if not panel.rows:
        yield f'<text class="summary" x="0" y="{HEAD + 16}">nothing to show</text>'
    yield from _bars(panel, f"bar{number % 2}")
    yield "</g>"


def _bars(panel: Panel, style: str) -> Iterator[str]:
    labels = [_shortened(str(row[0])) for row in panel.rows]
    values = [int(row[1]) for row in panel.rows]
    start = 10 + CHARACTER * max([SHORTEST_LABEL, *map(_width, labels)])
    scale = (PANEL - start - VALUE) / max([1, *values])
    for index, (label, value) in enumerate(zip(labels, values, strict=True)):
        top = HEAD + index * ROW
        text = f'y="{top + 14}"'
        yield f'<text class="label" x="{start - 10:.1f}" {text}>{_text(label)}</text>'
        yield (
            f'<rect class="{style}" x="{start:.1f}" y="{top + 2}" width="{value * scale:.1f}"'
            f' height="{ROW - 8}" rx="2"/>'
        )
        yield f'<text class="value" x="{start + value * scale + 7:.1f}" {text}>{value:,}</text>'


def _width(label: str) -> int:
    """The label's width in mean characters; East Asian ones are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in label)


def _description(summary: str, panels: Sequence[Panel]) -> str:
    parts = [
        f"{panel.heading} ({panel.unit}): " + ", ".join(f"{label} {value}" for label, value in panel.rows)
        for panel in panels
        if panel.rows
    ]
    return ". ".join([summary, *parts])


def _shortened(label: str) -> str:
    """The label, or its two ends: numbers of files and extensions stand at the end."""
    if _width(label) <= LONGEST_LABEL:
        return label
    half = LONGEST_LABEL * len(label) // _width(label) // 2
    return label[: half - 1] + "\u2026" + label[-half:]


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", text))
