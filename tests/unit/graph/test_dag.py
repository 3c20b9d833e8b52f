from __future__ import annotations

import json
import os
import subprocess
import sys

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs import acyclic, any_graph, oracle
from pypeline.graph import Dag

PRINT_ALL = """
from pypeline.graph import Dag
from pypeline.graph.cycles import find_cycles
from pypeline.graph.drawing import FORMATS
names = [f"node-{number}" for number in range(30)]
adjacency = {name: names[index + 1 : index + 4] for index, name in enumerate(names)}
dag = Dag.from_adjacency(adjacency)
print(dag, find_cycles({name: [*names[:3], *names[-3:]] for name in names}))
print(*(draw(dag) for draw in FORMATS.values()))
"""


def edges_by_name(dag: Dag) -> set[tuple[str, str]]:
    return {
        (dag.names[parent], dag.names[child])
        for parent, children in enumerate(dag.successors)
        for child in children
    }


@given(acyclic())
def test_a_dag_has_each_node_and_edge_of_its_adjacency_once(adjacency):
    dag = Dag.from_adjacency(adjacency)

    graph = oracle(adjacency)
    assert len(dag) == len(graph)
    assert set(dag.names) == set(graph)
    assert edges_by_name(dag) == set(graph.edges)
    assert sum(map(len, dag.successors)) == graph.number_of_edges()


@given(acyclic())
def test_every_edge_leads_to_a_later_position(adjacency):
    dag = Dag.from_adjacency(adjacency)

    assert all(child > parent for parent, children in enumerate(dag.successors) for child in children)
    assert all(list(children) == sorted(children) for children in dag.successors)


@given(acyclic())
def test_positions_are_the_indices_of_names(adjacency):
    dag = Dag.from_adjacency(adjacency)

    assert [dag.positions[name] for name in dag.names] == list(range(len(dag)))


@given(acyclic())
def test_positions_are_the_first_topological_order_by_appearance(adjacency):
    dag = Dag.from_adjacency(adjacency)

    appeared = list(dict.fromkeys(name for node, children in adjacency.items() for name in (node, *children)))
    expected = nx.lexicographical_topological_sort(oracle(adjacency), key=appeared.index)
    assert list(dag.names) == list(expected)


@given(acyclic())
def test_predecessors_are_those_of_networkx(adjacency):
    dag = Dag.from_adjacency(adjacency)

    graph = oracle(adjacency)
    for name, parents in zip(dag.names, dag.predecessors, strict=True):
        assert {dag.names[parent] for parent in parents} == set(graph.predecessors(name))
        assert list(parents) == sorted(parents)


@given(acyclic())
def test_a_level_is_the_longest_path_from_a_root(adjacency):
    dag = Dag.from_adjacency(adjacency)

    generations = nx.topological_generations(oracle(adjacency))
    expected = {name: level for level, names in enumerate(generations) for name in names}
    assert dict(zip(dag.names, dag.levels, strict=True)) == expected


@given(acyclic(), st.data())
def test_descendants_are_those_of_networkx(adjacency, data):
    dag = Dag.from_adjacency(adjacency)
    starts = data.draw(st.sets(st.sampled_from(dag.names))) if dag.names else set()

    reached = dag.descendants(dag.positions[name] for name in starts)

    graph = oracle(adjacency)
    expected = set().union(*(nx.descendants(graph, name) for name in starts))
    assert {dag.names[position] for position in reached} == expected


@given(acyclic())
def test_the_same_document_gives_the_same_dag_after_a_way_through_json(adjacency):
    again = json.loads(json.dumps(adjacency))

    assert Dag.from_adjacency(again) == Dag.from_adjacency(adjacency)


@given(any_graph())
def test_a_dag_is_refused_exactly_when_networkx_sees_a_cycle(adjacency):
    if nx.is_directed_acyclic_graph(oracle(adjacency)):
        assert set(Dag.from_adjacency(adjacency).names) == set(oracle(adjacency))
    else:
        with pytest.raises(ValueError, match="cycle"):
            Dag.from_adjacency(adjacency)


@given(acyclic(), st.randoms())
def test_the_order_of_a_nodes_followers_leaves_the_edges_as_they_are(adjacency, chance):
    shuffled = {node: chance.sample(children, len(children)) for node, children in adjacency.items()}

    dag, other = Dag.from_adjacency(adjacency), Dag.from_adjacency(shuffled)

    assert edges_by_name(dag) == edges_by_name(other)


def test_ties_go_to_the_name_that_appeared_first():
    dag = Dag.from_adjacency({"zoo": ["end"], "ant": ["end"], "mid": []})

    assert dag.names == ("zoo", "ant", "end", "mid")


def test_the_last_node_of_a_diamond_with_unequal_arms_comes_after_both():
    dag = Dag.from_adjacency({"a": ["d", "b"], "b": ["c"], "c": ["d"]})

    assert dag.names == ("a", "b", "c", "d")
    assert dag.levels == (0, 1, 2, 3)
    assert dag.predecessors[3] == (0, 2)


def test_an_empty_adjacency_is_an_empty_dag():
    dag = Dag.from_adjacency({})

    assert (len(dag), dag.predecessors, dag.levels, dag.descendants([])) == (0, (), (), frozenset())


def test_a_chain_of_ten_thousand_nodes_needs_no_deep_recursion():
    dag = Dag.from_adjacency({f"n{number}": [f"n{number + 1}"] for number in range(9_999)})

    assert dag.levels[-1] == 9_999
    assert len(dag.descendants([0])) == 9_999


def test_nothing_depends_on_the_seed_of_hashes():
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT_ALL],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(printed) == 1
