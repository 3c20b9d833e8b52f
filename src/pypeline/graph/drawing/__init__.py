"""
Drawings of a Dag: pure functions from a graph to text, each equal for equal input.

Pure like the rest of `pypeline.graph`: no I/O, no colour codes, no size of a terminal.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pypeline.graph.drawing.dot import draw_dot
from pypeline.graph.drawing.mermaid import draw_mermaid
from pypeline.graph.drawing.svg import draw_svg
from pypeline.graph.drawing.text import draw_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.graph.dag import Dag

__all__ = ["FORMATS", "Drawing", "draw_dot", "draw_mermaid", "draw_svg", "draw_text"]


class Drawing(Protocol):
    """What every format takes: the graph, the name of its pipeline, and a few words beside some nodes."""

    def __call__(self, dag: Dag, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
        """The drawing, ending in a newline."""
        ...


FORMATS: Mapping[str, Drawing] = MappingProxyType(
    {"text": draw_text, "mermaid": draw_mermaid, "dot": draw_dot, "svg": draw_svg}
)
