"""Random graphs for tests, as adjacencies: node -> the nodes that follow it."""

from __future__ import annotations

import networkx as nx
from hypothesis import strategies as st

NAMES = st.text("abxyz019_.-", min_size=1, max_size=6)
ENOUGH = 12


@st.composite
def acyclic(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> dict[str, list[str]]:
    """A DAG whose keys come in any order; nodes that nothing follows may be left out."""
    order = draw(st.lists(names, unique=True, max_size=ENOUGH))
    adjacency = {
        name: draw(st.lists(st.sampled_from(order[index + 1 :]), max_size=4)) if order[index + 1 :] else []
        for index, name in enumerate(order)
    }
    followed = {child for children in adjacency.values() for child in children}
    kept = [name for name in order if adjacency[name] or name not in followed or draw(st.booleans())]
    return {name: adjacency[name] for name in draw(st.permutations(kept))}


def any_graph() -> st.SearchStrategy[dict[str, list[str]]]:
    """A graph that may have cycles and self loops."""
    names = st.sampled_from("abcdefgh")
    return st.dictionaries(names, st.lists(names, max_size=3), max_size=8)


def oracle(adjacency: dict[str, list[str]]) -> nx.DiGraph[str]:
    """The same graph for networkx."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(adjacency)
    graph.add_edges_from((node, child) for node, children in adjacency.items() for child in children)
    return graph
