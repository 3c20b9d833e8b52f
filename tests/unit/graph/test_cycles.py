from __future__ import annotations

import networkx as nx
from hypothesis import given

from graphs import acyclic, any_graph, oracle
from pypeline.graph.cycles import find_cycles


@given(any_graph())
def test_every_cycle_found_is_a_path_of_the_graph_back_to_its_start(adjacency):
    graph = oracle(adjacency)

    for cycle in find_cycles(adjacency):
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1 >= 1
        assert nx.is_path(graph, cycle)


@given(any_graph())
def test_no_cycle_is_found_exactly_where_networkx_sees_a_dag(adjacency):
    assert (find_cycles(adjacency) == []) == nx.is_directed_acyclic_graph(oracle(adjacency))


@given(any_graph())
def test_cutting_the_last_edge_of_every_cycle_found_leaves_a_dag(adjacency):
    graph = oracle(adjacency)

    graph.remove_edges_from((cycle[-2], cycle[-1]) for cycle in find_cycles(adjacency))

    assert nx.is_directed_acyclic_graph(graph)


@given(acyclic())
def test_a_dag_has_no_cycles(adjacency):
    assert find_cycles(adjacency) == []


def test_a_self_loop_is_a_cycle_of_its_own():
    assert find_cycles({"a": ["a", "b"], "b": []}) == [["a", "a"]]


def test_two_separate_cycles_are_both_found():
    found = find_cycles({"a": ["b"], "b": ["a"], "x": ["y"], "y": ["z"], "z": ["x"]})

    assert sorted(sorted(set(cycle)) for cycle in found) == [["a", "b"], ["x", "y", "z"]]


def test_at_most_twenty_cycles_are_told_even_of_self_loops():
    loops = {f"n{number}": [f"n{number}"] for number in range(30)}
    pairs = {f"n{number}": [f"n{number ^ 1}"] for number in range(60)}

    assert len(find_cycles(loops)) == 20
    assert len(find_cycles(pairs)) == 20


def test_a_long_cycle_is_found_without_deep_recursion():
    ring = {f"n{number}": [f"n{(number + 1) % 10_000}"] for number in range(10_000)}

    (cycle,) = find_cycles(ring)

    assert len(cycle) == 10_001
