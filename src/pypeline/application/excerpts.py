"""How much of a run its documents hold: the first nodes, and the first parts of their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.application.documents import MOST_NODES
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.store.base import Store
    from pypeline.store.records import NodeRecord


def first_nodes(store: Store, run_id: str) -> tuple[list[NodeRecord], bool]:
    """Nodes and items of a run, and whether there are more: where not all fit, nodes come before items."""
    found = store.nodes(run_id, limit=MOST_NODES + 1)
    if len(found) <= MOST_NODES:
        return found, False
    nodes = store.nodes(run_id, limit=MOST_NODES, items=False)
    items = [node for node in found if node.item is not None][: MOST_NODES - len(nodes)]
    return sorted([*nodes, *items], key=lambda node: node.place), True


def first_parts(store: Store, run_id: str, nodes: Iterable[NodeRecord]) -> dict[int, list[str | None]]:
    """By position the results that are kept in parts, as texts; of those with very many parts the first."""
    return {
        node.position: list(store.elements(run_id, node.position, 0, MOST_NODES))
        for node in nodes
        if node.item is None and is_in_parts(node)
    }


def is_in_parts(node: NodeRecord) -> bool:
    """True if the result of a node is a list of which each part is kept by itself."""
    has_ended = node.state in (NodeState.SUCCESS, NodeState.FAILED, NodeState.SKIPPED)
    return has_ended and (node.elements is not None or node.items is not None)
