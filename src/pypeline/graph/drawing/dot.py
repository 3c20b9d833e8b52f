"""The drawing in the DOT language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.graph.drawing.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.graph.dag import Dag


def draw_dot(dag: Dag, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
    """A ``digraph`` whose nodes carry their own names; notes stand beneath them."""
    names = [_quoted(name) for name in dag.names]
    lines = [
        f"digraph {_quoted(title or 'pipeline')} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];',
        "    edge [arrowsize=0.6];",
    ]
    for quoted, name in zip(names, dag.names, strict=True):
        lines.append(f"    {quoted} [label={_quoted(name, (notes or {}).get(name, ''))}];")
    for parent, children in enumerate(dag.successors):
        lines.extend(f"    {names[parent]} -> {names[child]};" for child in children)
    return "\n".join([*lines, "}", ""])


def _quoted(*texts: str) -> str:
    lines = (plain(text).replace("\\", r"\\").replace('"', r"\"") for text in texts if text)
    return '"' + r"\n".join(lines) + '"'
