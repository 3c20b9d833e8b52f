"""The drawing as an SVG image that stands alone: no script, no font, nothing fetched; light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pypeline.graph.drawing.layout import lay_out
from pypeline.graph.drawing.words import counted, plain, shortened, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypeline.graph.dag import Dag
    from pypeline.graph.drawing.layout import Box, Layout, Route

_LONGEST_WORDS = 40
_MOST_NAMED = 5
_PADDING = 12
_NARROWEST = 64
_LOW, _HIGH = 32, 48
_RADIUS = 6
_ARROW = 5

_ARROWHEAD = (
    f'<marker id="ppl-a" markerUnits="userSpaceOnUse" markerWidth="{_ARROW}" markerHeight="8" refY="4"'
    f' orient="auto"><path class="ppl-a" d="M0 .75L{_ARROW} 4L0 7.25z"/></marker>'
)

# Classes carry a prefix, since the rules of an SVG in a page hold for the whole page.
_STYLE = """\
.ppl{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.ppl-e path{fill:none;stroke:#858c99;stroke-width:1.25;marker-end:url(#ppl-a)}
.ppl-a{fill:#858c99}
.ppl-n rect{fill:#fff;stroke:#cdd1d8}
.ppl-n text{font-size:12px;font-weight:500;fill:#15181d}
.ppl-n .ppl-s{font-size:11px;font-weight:400;fill:#4b525e}
@media (prefers-color-scheme:dark){
.ppl-e path{stroke:#6c7482}
.ppl-a{fill:#6c7482}
.ppl-n rect{fill:#15181d;stroke:#39404b}
.ppl-n text{fill:#eceef1}
.ppl-n .ppl-s{fill:#aeb5c0}
}"""


def draw_svg(dag: Dag, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
    """
    An SVG document with every node and edge, each with its full name as a tooltip.

    It has no ground of its own. Its height and width are in pixels; at 10,000 nodes it takes seconds.
    """
    said = {name: plain(note) for name, note in (notes or {}).items() if plain(note)}
    height = _HIGH if any(name in said for name in dag.names) else _LOW
    layout = lay_out(dag, [(_width(name, said.get(name, "")), height) for name in dag.names])
    edges = [_edge(dag, route, sideways=layout.sideways) for route in layout.routes]
    # Names of a column start in line; those of a row stand in the middle of their boxes.
    anchor = "start" if layout.sideways else "middle"
    nodes = [
        _node(box, name, said.get(name, ""), _PADDING if layout.sideways else box.width // 2)
        for box, name in zip(layout.boxes, dag.names, strict=True)
    ]
    drawn = ['<g class="ppl-e">', *edges, "</g>", f'<g class="ppl-n" text-anchor="{anchor}">', *nodes, "</g>"]
    return "\n".join([*_opening(dag, layout, title), *drawn, "</g>\n</svg>\n"])


def _opening(dag: Dag, layout: Layout, title: str) -> list[str]:
    size = f'width="{layout.width}" height="{layout.height}" viewBox="0 0 {layout.width} {layout.height}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ppl" role="img" {size}>',
        f"<title>{escape(plain(title) or 'Pipeline')}</title>",
        f"<desc>{escape(_description(dag, layout))}</desc>",
        f"<style>\n{_STYLE}\n</style>",
        f"<defs>{_ARROWHEAD}</defs>",
        # Lines of one pixel are sharp between whole numbers.
        '<g transform="translate(.5 .5)">',
    ]


def _description(dag: Dag, layout: Layout) -> str:
    roots = [name for name, parents in zip(dag.names, dag.predecessors, strict=True) if not parents]
    sinks = [name for name, children in zip(dag.names, dag.successors, strict=True) if not children]
    direction = "from left to right" if layout.sideways else "from top to bottom"
    edges = counted(len(layout.routes), "edge")
    ends = f" Starts with {_named(roots)}; ends with {_named(sinks)}." if roots else ""
    return f"{size_of(dag)}, {edges}, read {direction}.{ends}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(map(plain, names[:_MOST_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def _edge(dag: Dag, route: Route, *, sideways: bool) -> str:
    words = escape(f"{plain(dag.names[route.parent])} → {plain(dag.names[route.child])}")
    return f'<path d="{_path(route, sideways=sideways)}"><title>{words}</title></path>'


def _path(route: Route, *, sideways: bool) -> str:
    """Lines, and curves that start and end along the drawing; the arrowhead adds the last pixels."""
    here = route.points[0]
    path = [f"M{here[0]} {here[1]}"]
    (end_x, end_y) = route.points[-1]
    last = (end_x - _ARROW, end_y) if sideways else (end_x, end_y - _ARROW)
    for x, y in [*route.points[1:-1], last]:
        if y == here[1] if sideways else x == here[0]:
            step = f"H{x}" if sideways else f"V{y}"
            # One line, however many levels it passes.
            path = path[:-1] if path[-1][0] == step[0] else path
        elif sideways:
            middle = (here[0] + x) // 2
            step = f"C{middle} {here[1]} {middle} {y} {x} {y}"
        else:
            middle = (here[1] + y) // 2
            step = f"C{here[0]} {middle} {x} {middle} {x} {y}"
        path.append(step)
        here = (x, y)
    return "".join(path)


def _node(box: Box, name: str, note: str, indent: int) -> str:
    middle = box.y + box.height // 2
    x = box.x + indent
    words = f"{plain(name)}: {note}" if note else plain(name)
    lines = f'<text x="{x}" y="{middle - 4 if note else middle + 4}">{_shown(name)}</text>'
    if note:
        lines += f'<text class="ppl-s" x="{x}" y="{middle + 12}">{_shown(note)}</text>'
    rect = f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{_RADIUS}"/>'
    return f"<g><title>{escape(words)}</title>{rect}{lines}</g>"


def _shown(words: str) -> str:
    return escape(shortened(plain(words), _LONGEST_WORDS))


def _width(name: str, note: str) -> int:
    words = max(_length(name, 12), _length(note, 11))
    return max(_NARROWEST, round(words) + 2 * _PADDING)


def _length(words: str, size: int) -> float:
    """About how wide the words are in an interface font, in pixels; the wide ones of these fonts fit."""
    return sum(_em(mark) for mark in shortened(plain(words), _LONGEST_WORDS)) * size


def _em(mark: str) -> float:
    for marks, width in (("iljI.,:;'|!", 0.34), ("tfr()[] -", 0.42), ("_", 0.5), ("mwMW@%", 0.96)):
        if mark in marks:
            return width
    if not mark.isascii():
        return 1.0
    return 0.74 if mark.isupper() else 0.63
