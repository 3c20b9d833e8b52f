"""The drawing as a Mermaid flowchart, for Markdown pages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pypeline.graph.drawing.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.graph.dag import Dag

# Marks that end a label or mean markup in it. An underscore within a word means nothing.
_MARKUP = re.compile(r"""["#<>&`*\\|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""")


def draw_mermaid(dag: Dag, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
    """
    A ``flowchart TD``. Nodes are called n0, n1 … by position, because words such as ``end`` are reserved.

    Mermaid draws up to 500 edges unless its page raises ``maxEdges``.
    """
    lines = ["flowchart TD"]
    for position, name in enumerate(dag.names):
        lines.append(f'    n{position}["{_label(name, (notes or {}).get(name, ""))}"]')
    for parent, children in enumerate(dag.successors):
        lines.extend(f"    n{parent} --> n{child}" for child in children)
    return "\n".join([*_front_matter(title), *lines, ""])


def _front_matter(title: str) -> list[str]:
    # A JSON string is a YAML string.
    return ["---", f"title: {json.dumps(plain(title), ensure_ascii=False)}", "---"] if title else []


def _label(name: str, note: str) -> str:
    return "<br>".join(_escaped(plain(line)) for line in (name, note) if line)


def _escaped(line: str) -> str:
    return _MARKUP.sub(lambda mark: f"#{ord(mark.group())};", line)
