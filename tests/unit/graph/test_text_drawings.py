from __future__ import annotations

import re
from inspect import cleandoc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs import acyclic
from pypeline.graph import Dag
from pypeline.graph.drawing import FORMATS, draw_dot, draw_mermaid, draw_text

DEMO = {"extract": ["clean", "count"], "clean": ["report"], "count": ["report"], "report": []}
NOTES = {"count": "forEach extract", "report": "all_done"}

# Printable or not: what a hostile note or name could hold.
HOSTILE = st.text(st.sampled_from('ab"\\<>&#`*_|;\n\x1b\x00é→{}[]() -'), min_size=1, max_size=8)


def drawn(adjacency, draw=draw_text, **options):
    return draw(Dag.from_adjacency(adjacency), **options)


def fan(width):
    parts = [f"part-{number:05}" for number in range(width)]
    return {"split": parts, **{part: ["merge"] for part in parts}}


def test_a_small_graph_is_drawn_with_lanes():
    assert drawn(DEMO, title="demo-pipeline", notes=NOTES) == (
        cleandoc("""
            demo-pipeline · 4 nodes in 3 levels

            ●    extract
            ├─╮
            ● │  clean
            │ ●  count  forEach extract
            ├─╯
            ●    report  all_done
        """)
        + "\n"
    )


def test_a_lane_that_only_crosses_is_drawn_unbroken():
    rows = drawn({"a": ["b", "c"], "b": ["d"], "c": ["e"], "x": ["d"], "d": ["e"]}).splitlines()

    assert "├─│─╯" in rows


def test_a_root_is_not_drawn_beneath_an_ended_lane_as_if_it_followed():
    assert drawn({"a": [], "b": ["c"]}).splitlines()[2:] == ["●  a", "", "●  b", "●  c"]


def test_a_graph_with_many_lanes_is_listed_by_levels():
    adjacency = {"split": ["a", "b", "c", "d", "e", "f", "g", "h", "i"], "a": ["z"], "i": ["z"]}

    rows = drawn(adjacency, notes={"a": "first"}).splitlines()

    assert rows[0] == "11 nodes in 3 levels"
    assert rows[2] == "1  split     → a, b, c and 6 more"
    assert rows[3] == "2  a  first  → z"
    assert rows[-1] == "3  z"


def test_a_large_level_is_summed_up_by_the_names_prefix():
    assert drawn(fan(10_000)).splitlines()[2:] == [
        "1  split            → part-* (10,000)",
        "2  part-* (10,000)  → merge",
        "3  merge",
    ]


def test_a_note_shared_by_a_summed_up_group_is_kept():
    notes = {f"part-{number:05}": "all_done" for number in range(20)}

    assert "part-* (20)  all_done  → merge" in drawn(fan(20), notes=notes)


def test_a_level_of_many_prefixes_names_the_largest_and_counts_the_others():
    letters = "abcdefghijklmnopqrstuvwxyz"
    adjacency = {
        "start": [*(f"{letter}-1" for letter in letters), *(f"q-{number}" for number in range(2, 9))]
    }

    rows = drawn(adjacency).splitlines()

    assert rows[3].startswith("2  q-* (8)")
    assert rows[-1].strip() == "and 15 others"
    assert len(rows) == 15


def test_a_chain_of_ten_thousand_nodes_shows_its_ends():
    rows = drawn({f"n{number}": [f"n{number + 1}"] for number in range(9_999)}).splitlines()

    assert rows[2] == "    1  n0     → n1"
    assert rows[51:54] == ["   50  n49    → n50", "⋮  9,940 levels with 9,940 nodes", " 9991  n9990  → n9991"]
    assert rows[-1] == "10000  n9999"
    assert len(rows) == 63


def test_the_gap_of_a_deep_graph_stands_before_its_last_levels_however_wide_they_are():
    chain = {f"n{number}": [f"n{number + 1}"] for number in range(79)}

    rows = drawn({**chain, "n78": [f"end-{number}" for number in range(20)]}).splitlines()

    gap = rows.index("⋮  20 levels with 20 nodes")
    assert rows[gap + 1].split()[:2] == ["71", "n70"]
    assert rows[-1].split()[0] == "80"


def test_an_empty_graph_has_a_heading_only():
    assert drawn({}).strip() == "0 nodes in 0 levels"


@given(acyclic())
def test_the_text_of_a_small_dag_names_each_node_once_as_a_row(adjacency):
    rows = drawn(adjacency).splitlines()[2:]

    named = [re.split(r"\s+→ ", row)[0].split() for row in rows]
    words = [parts[-1] for parts in named if parts and not set(parts[-1]) <= set("│├┤╭╮╰╯┬┴┼─")]
    assert sorted(words) == sorted(Dag.from_adjacency(adjacency).names)


@given(acyclic(HOSTILE), HOSTILE)
def test_text_holds_no_control_characters(adjacency, note):
    text = drawn(adjacency, title=note, notes=dict.fromkeys(adjacency, note))

    assert all(line.isprintable() for line in text.split("\n"))


def test_mermaid_names_nodes_by_position_and_quotes_labels():
    assert drawn({"end": ["a.b"], "a.b": []}, draw_mermaid, title="p", notes={"a.b": "all_done"}) == (
        cleandoc("""
            ---
            title: "p"
            ---
            flowchart TD
                n0["end"]
                n1["a.b<br>all_done"]
                n0 --> n1
        """)
        + "\n"
    )


@given(acyclic(HOSTILE), HOSTILE)
def test_mermaid_has_each_node_and_edge_once_whatever_the_names(adjacency, note):
    dag = Dag.from_adjacency(adjacency)

    lines = draw_mermaid(dag, notes=dict.fromkeys(dag.names, note)).splitlines()[1:]

    nodes = [line for line in lines if "-->" not in line]
    safe = re.compile(r'    n(\d+)\["([^"<>&`*\\|]|#\d+;|<br>)*"\]')
    assert [int(safe.fullmatch(line).group(1)) for line in nodes] == list(range(len(dag)))
    edges = [tuple(map(int, re.findall(r"n(\d+)", line))) for line in lines if "-->" in line]
    assert edges == [(parent, child) for parent, row in enumerate(dag.successors) for child in row]


@pytest.mark.parametrize(
    ("note", "label"),
    [
        ('say "x"', "say #34;x#34;"),
        ("#1", "#35;1"),
        ("<b>", "#60;b#62;"),
        ("__init__", "#95;#95;init#95;#95;"),
        ("load_all", "load_all"),
    ],
)
def test_mermaid_escapes_what_its_labels_would_read_as_markup(note, label):
    assert f'["a<br>{label}"]' in drawn({"a": []}, draw_mermaid, notes={"a": note})


def test_dot_quotes_names_and_escapes_quotes():
    assert drawn({'a"b\\': ["c"]}, draw_dot, title="p", notes={"c": "all_done"}) == (
        cleandoc(r"""
            digraph "p" {
                node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];
                edge [arrowsize=0.6];
                "a\"b\\" [label="a\"b\\"];
                "c" [label="c\nall_done"];
                "a\"b\\" -> "c";
            }
        """)
        + "\n"
    )


@given(acyclic())
def test_dot_has_each_node_and_edge_once(adjacency):
    dag = Dag.from_adjacency(adjacency)

    lines = draw_dot(dag).splitlines()

    nodes = [re.fullmatch(r'    "(.+)" \[label="(.+)"\];', line) for line in lines]
    assert [match.group(1) for match in nodes if match] == list(dag.names)
    edges = [re.fullmatch(r'    "(.+)" -> "(.+)";', line) for line in lines]
    expected = [(dag.names[up], dag.names[down]) for up, row in enumerate(dag.successors) for down in row]
    assert [match.groups() for match in edges if match] == expected


@given(acyclic(HOSTILE), HOSTILE)
def test_dot_keeps_every_quoted_string_closed(adjacency, note):
    text = drawn(adjacency, draw_dot, title=note, notes=dict.fromkeys(adjacency, note))

    bare = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert '"' not in bare
    assert "\\" not in bare


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_draws_an_empty_graph(name):
    assert drawn({}, FORMATS[name]).endswith("\n")
