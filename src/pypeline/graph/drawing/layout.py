"""
Where the boxes and edges of a drawn graph go: levels by longest path, few crossings, few bends.

The layout is own code, because the well-kept layout libraries need native Graphviz or numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pypeline.graph.drawing.layers import layers_of
from pypeline.graph.drawing.ordering import ordered
from pypeline.graph.drawing.placing import placed
from pypeline.graph.drawing.straightening import straighten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.graph.dag import Dag
    from pypeline.graph.drawing.layers import Layers

_GRID = 4
_MARGIN = 16
_BETWEEN_BOXES = 16
_BESIDE_EDGE = 12
# Between two levels: room for the curves, more where they climb far.
_NEAREST, _FARTHEST = 48, 160
_STEEPNESS = 5
# The straight end of every edge, for its arrowhead.
_LANDING = 12
_WIDEST_SIDEWAYS = 1_280
_BEST_SHAPE = 1.6


@dataclass(frozen=True)
class Box:
    """A node's rectangle in pixels, on a grid of 4; x and y are its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Route:
    """An edge: curved from each even point to the next, straight from each odd one to the next."""

    parent: int
    child: int
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layout:
    """A drawing's size, its boxes by position and its edges. ``sideways``: it reads from left to right."""

    width: int
    height: int
    sideways: bool
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]


def lay_out(dag: Dag, sizes: Sequence[tuple[int, int]], *, sideways: bool | None = None) -> Layout:
    """
    The layout of a graph whose boxes need these widths and heights. No two boxes overlap.

    Boxes of one level become equally deep. Left to right if that fits in 1,280 pixels, else in the
    direction whose shape is nearer to a screen's. Equal input gives an equal layout. The time grows
    with the edges and the levels they pass; beyond 30,000 of these the longest edges run straight.
    """
    layers = layers_of(dag)
    wide = [(_up_to(width, 2 * _GRID), _up_to(height, 2 * _GRID)) for width, height in sizes]
    if sideways is None:
        sideways = _fits_sideways(layers, wide)
    along = [width if sideways else height for width, height in wide]
    across = [height if sideways else width for width, height in wide]
    centres = _centres(layers, across)
    starts, depths = _bands(layers, along, centres)
    return _assembled(dag, layers, _Frame(sideways, starts, depths, centres, across))


@dataclass(frozen=True)
class _Frame:
    """Levels as bands (start and depth along the drawing) and slots by their centres across it."""

    sideways: bool
    starts: list[int]
    depths: list[int]
    centres: list[int]
    across: list[int]

    def point(self, along: int, across: int) -> tuple[int, int]:
        return (along, across) if self.sideways else (across, along)


def _fits_sideways(layers: Layers, sizes: Sequence[tuple[int, int]]) -> bool:
    rows = [[sizes[slot] for slot in row if slot < len(sizes)] for row in layers.rows()]
    columns = sum(max(width for width, _ in row) + _NEAREST for row in rows)
    if columns <= _WIDEST_SIDEWAYS:
        return True
    lines = sum(max(height for _, height in row) + _NEAREST for row in rows)
    tallest = max(sum(height + _BETWEEN_BOXES for _, height in row) for row in rows)
    widest = max(sum(width + _BETWEEN_BOXES for width, _ in row) for row in rows)
    return _oddness(columns / tallest) <= _oddness(widest / lines)


def _oddness(shape: float) -> float:
    return max(shape / _BEST_SHAPE, _BEST_SHAPE / shape)


def _centres(layers: Layers, across: Sequence[int]) -> list[int]:
    """The slots' centres across the drawing, on the grid, from the margin on."""
    half = [size // 2 for size in across] + [0] * (len(layers.levels) - len(across))

    def room(left: int, right: int) -> int:
        nodes = (left < len(across)) + (right < len(across))
        return half[left] + half[right] + (_BETWEEN_BOXES if nodes == 2 else _BESIDE_EDGE)  # noqa: PLR2004 - both

    rows = ordered(layers)
    centres = placed(layers, rows, len(across), room)
    straighten(layers, rows, centres, room, len(across))
    # Rounding keeps gaps that are multiples of the grid.
    snapped = [
        _GRID * int(centre // _GRID) for centre in (round(centre, 3) + _GRID / 2 for centre in centres)
    ]
    first = min((centre - extent for centre, extent in zip(snapped, half, strict=True)), default=0)
    return [centre - first + _MARGIN for centre in snapped]


def _bands(layers: Layers, along: Sequence[int], centres: Sequence[int]) -> tuple[list[int], list[int]]:
    """Where each level starts along the drawing, and how deep it is."""
    rows = layers.rows()
    depths = [max(along[slot] for slot in row if slot < len(along)) for row in rows]
    gaps = []
    for row in rows[:-1]:
        climb = max(
            (abs(centres[slot] - centres[lower]) for slot in row for lower in layers.below[slot]), default=0
        )
        gaps.append(min(_FARTHEST, _up_to(_NEAREST + climb // _STEEPNESS, _GRID)))
    steps = [depth + gap for depth, gap in zip(depths, gaps, strict=False)]
    return list(accumulate(steps, initial=_MARGIN)), depths


def _assembled(dag: Dag, layers: Layers, frame: _Frame) -> Layout:
    boxes = tuple(_box(frame, layers.levels[position], position) for position in range(len(dag)))
    routes = tuple(
        _route(frame, layers, parent, child)
        for parent, children in enumerate(dag.successors)
        for child in children
    )
    ends = [(box.x + box.width, box.y + box.height) for box in boxes]
    ends += [point for route in routes for point in route.points]
    width, height = (max((end[axis] for end in ends), default=_MARGIN) + _MARGIN for axis in (0, 1))
    return Layout(width, height, frame.sideways, boxes, routes)


def _box(frame: _Frame, level: int, position: int) -> Box:
    x, y = frame.point(frame.starts[level], frame.centres[position] - frame.across[position] // 2)
    width, height = frame.point(frame.depths[level], frame.across[position])
    return Box(x, y, width, height)


def _route(frame: _Frame, layers: Layers, parent: int, child: int) -> Route:
    levels, starts, depths, centres = layers.levels, frame.starts, frame.depths, frame.centres
    points = [frame.point(starts[levels[parent]] + depths[levels[parent]], centres[parent])]
    for slot in layers.passing.get((parent, child), ()):
        start = starts[levels[slot]]
        points.append(frame.point(start, centres[slot]))
        points.append(frame.point(start + depths[levels[slot]], centres[slot]))
    landing = starts[levels[child]]
    points.append(frame.point(landing - _LANDING, centres[child]))
    points.append(frame.point(landing, centres[child]))
    return Route(parent, child, tuple(points))


def _up_to(size: int, step: int) -> int:
    return -(-size // step) * step
