"""The drawing for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.graph.dag import Dag
from pypeline.graph.drawing.lanes import draw_lanes
from pypeline.graph.drawing.listing import draw_listing
from pypeline.graph.drawing.words import plain, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def draw_text(dag: Dag, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
    """
    A graph with lanes where one stays readable, else its levels, each node with those that follow it.

    Large levels are summed up by name, and so are many levels: 10,000 nodes need about as much room as 100.
    """
    head = f"{plain(title)} · {size_of(dag)}" if title else size_of(dag)
    beside = {plain(name): plain(note) for name, note in (notes or {}).items()}
    shown = Dag(tuple(map(plain, dag.names)), dag.successors)
    body = draw_lanes(shown, beside) or draw_listing(shown, beside)
    return "\n".join(line.rstrip() for line in [head, "", *body, ""])
