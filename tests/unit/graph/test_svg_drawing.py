from __future__ import annotations

import itertools
import random
import re
import time
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs import acyclic
from pypeline.graph import Dag
from pypeline.graph.drawing import draw_svg
from pypeline.graph.drawing.layers import layers_of
from pypeline.graph.drawing.layout import lay_out
from pypeline.graph.drawing.ordering import crossings, ordered
from pypeline.graph.drawing.placing import spread

SVG = "{http://www.w3.org/2000/svg}"
DEMO = {"extract": ["clean", "count"], "clean": ["report"], "count": ["report"], "report": []}
SIZES = st.tuples(st.integers(1, 300), st.integers(1, 60))


def parsed(adjacency, **options):
    return ET.fromstring(draw_svg(Dag.from_adjacency(adjacency), **options))


def titles(svg, kind):
    group = svg.find(f".//{SVG}g[@class='{kind}']")
    return [element.findtext(f"{SVG}title") for element in group]


def overlap(one, other):
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    beneath = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not (beside or beneath)


@given(acyclic())
def test_every_node_and_edge_is_there_once(adjacency):
    dag = Dag.from_adjacency(adjacency)

    svg = ET.fromstring(draw_svg(dag))

    edges = [(dag.names[up], dag.names[down]) for up, row in enumerate(dag.successors) for down in row]
    assert titles(svg, "ppl-n") == list(dag.names)
    assert titles(svg, "ppl-e") == [f"{up} → {down}" for up, down in edges]


@given(acyclic(), st.data(), st.sampled_from([None, True, False]))
def test_no_two_boxes_overlap_and_all_are_inside_on_the_grid(adjacency, data, sideways):
    dag = Dag.from_adjacency(adjacency)
    sizes = data.draw(st.lists(SIZES, min_size=len(dag), max_size=len(dag)))

    layout = lay_out(dag, sizes, sideways=sideways)

    assert not any(overlap(one, other) for one, other in itertools.combinations(layout.boxes, 2))
    for box, (width, height) in zip(layout.boxes, sizes, strict=True):
        assert box.width >= width
        assert box.height >= height
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= layout.width
        assert box.y + box.height <= layout.height
        assert not any(number % 4 for number in (box.x, box.y, box.width, box.height))


@given(acyclic(), st.data(), st.booleans())
def test_a_route_leaves_its_parent_and_lands_on_its_child(adjacency, data, sideways):
    dag = Dag.from_adjacency(adjacency)
    sizes = data.draw(st.lists(SIZES, min_size=len(dag), max_size=len(dag)))

    layout = lay_out(dag, sizes, sideways=sideways)

    for route in layout.routes:
        parent, child = layout.boxes[route.parent], layout.boxes[route.child]
        (start_x, start_y), (end_x, end_y) = route.points[0], route.points[-1]
        if sideways:
            expected = (parent.x + parent.width, child.x)
            assert (start_x, end_x) == expected
            assert (start_y, end_y) == (parent.y + parent.height // 2, child.y + child.height // 2)
        else:
            assert (start_y, end_y) == (parent.y + parent.height, child.y)
            assert (start_x, end_x) == (parent.x + parent.width // 2, child.x + child.width // 2)


@given(acyclic(), st.booleans())
def test_the_straight_parts_of_an_edge_pass_no_box(adjacency, sideways):
    dag = Dag.from_adjacency(adjacency)

    layout = lay_out(dag, [(80, 32)] * len(dag), sideways=sideways)

    for route in layout.routes:
        for (x, y), (to_x, to_y) in zip(route.points[1:-2:2], route.points[2:-2:2], strict=True):
            for box in layout.boxes:
                apart = to_x <= box.x or box.x + box.width <= x or to_y <= box.y or box.y + box.height <= y
                assert apart


@pytest.mark.parametrize(
    ("adjacency", "sideways"),
    [
        (DEMO, True),
        ({f"n{number}": [f"n{number + 1}"] for number in range(40)}, False),
        ({"split": [f"part-{number}" for number in range(20)]}, True),
    ],
)
def test_the_direction_follows_the_shape(adjacency, sideways):
    dag = Dag.from_adjacency(adjacency)

    assert lay_out(dag, [(80, 32)] * len(dag)).sideways is sideways


def test_a_chain_is_one_straight_line():
    svg = parsed({"a": ["b"], "b": ["c"], "c": []})

    paths = [path.get("d") for path in svg.findall(f".//{SVG}g[@class='ppl-e']/{SVG}path")]
    assert all(re.fullmatch(r"M\d+ \d+H\d+", path) for path in paths)


def test_a_long_edge_goes_round_the_nodes_between():
    dag = Dag.from_adjacency({"a": ["b", "d"], "b": ["c"], "c": ["d"]})

    layout = lay_out(dag, [(80, 32)] * 4)

    around = layout.routes[1].points[1][1]
    assert not any(box.y <= around <= box.y + box.height for box in layout.boxes[1:3])


def test_a_root_that_only_a_late_node_needs_stands_just_before_it():
    dag = Dag.from_adjacency({"a": ["b"], "b": ["c"], "c": ["d"], "rates": ["d"]})

    layout = lay_out(dag, [(80, 32)] * 5)

    x = {name: box.x for name, box in zip(dag.names, layout.boxes, strict=True)}
    assert x["rates"] == x["c"]


def test_ordering_untangles_two_crossed_chains():
    layers = layers_of(Dag.from_adjacency({"a": ["y"], "b": ["x"], "x": ["p"], "y": ["q"]}))

    assert crossings(ordered(layers), layers.below) == 0


@given(acyclic())
def test_ordering_keeps_every_slot_in_its_level_once(adjacency):
    layers = layers_of(Dag.from_adjacency(adjacency))

    assert [sorted(row) for row in ordered(layers)] == layers.rows()


@given(st.lists(st.permutations(range(5)), min_size=1, max_size=3), st.data())
def test_crossings_are_the_pairs_of_links_in_opposite_order(orders, data):
    row, below = list(range(5)), [list(range(5, 10))]
    links = data.draw(st.lists(st.tuples(st.sampled_from(row), st.sampled_from(below[0])), unique=True))
    lower = [[end for start, end in links if start == slot] for slot in range(10)]

    found = crossings([row, *below], lower)

    pairs = itertools.combinations(links, 2)
    assert found == sum((one[0] - other[0]) * (one[1] - other[1]) < 0 for one, other in pairs)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9), st.integers(0, 20)), min_size=1))
def test_spread_places_keep_their_gaps_and_are_no_farther_than_any_shift(places):
    wanted, weights, gaps = ([place[index] for place in places] for index in range(3))

    found = spread(wanted, weights, gaps[1:])

    steps = [right - left for left, right in itertools.pairwise(found)]
    assert all(step >= gap - 1e-6 for step, gap in zip(steps, gaps[1:], strict=True))

    def cost(at):
        return sum(w * (x - want) ** 2 for x, want, w in zip(at, wanted, weights, strict=True))

    for shift in (-0.5, 0.5):
        assert cost(found) <= cost([at + shift for at in found]) + 1e-6


def test_places_with_room_are_those_wanted():
    assert spread([0, 10, 40], [1, 1, 1], [10, 20]) == [0, 10, 40]


def test_places_without_room_share_the_way_by_weight():
    assert spread([0, 0], [3, 1], [8]) == [-2, 6]


def test_it_is_an_image_with_a_title_a_description_and_both_colour_schemes():
    svg = parsed(DEMO, title="demo & co")

    assert svg.get("role") == "img"
    assert [svg[0].tag, svg[0].text] == [f"{SVG}title", "demo & co"]
    assert svg[1].text == (
        "4 nodes in 3 levels, 4 edges, read from left to right. Starts with extract; ends with report."
    )
    assert "prefers-color-scheme:dark" in svg.findtext(f"{SVG}style")


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_words_give_well_formed_xml_that_loads_nothing(name, note):
    text = draw_svg(Dag.from_adjacency({name: [f"{name}+"]}), title=note, notes={name: note})

    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(text).iter()}
    assert tags <= {"svg", "title", "desc", "style", "defs", "marker", "path", "g", "rect", "text"}
    assert "href" not in re.sub(r">[^<]*<", "><", text)


def test_a_note_stands_beneath_its_name_and_in_the_tooltip():
    svg = parsed(DEMO, notes={"count": "forEach extract"})

    count = svg.findall(f".//{SVG}g[@class='ppl-n']/{SVG}g")[2]
    assert [text.text for text in count.findall(f"{SVG}text")] == ["count", "forEach extract"]
    assert count.findtext(f"{SVG}title") == "count: forEach extract"


def test_a_long_name_is_shortened_in_its_middle_but_whole_in_the_tooltip():
    name = "a" * 60 + "-001"

    (node,) = parsed({name: []}).findall(f".//{SVG}g[@class='ppl-n']/{SVG}g")

    shown = node.findtext(f"{SVG}text")
    assert len(shown) == 40
    assert shown.endswith("-001")
    assert node.findtext(f"{SVG}title") == name


def test_many_ends_are_counted_in_the_description():
    svg = parsed({"start": [f"end-{number}" for number in range(8)]})

    assert svg[1].text.endswith("ends with end-0, end-1, end-2, end-3, end-4 and 3 more.")


def test_ten_thousand_nodes_with_long_edges_are_drawn_in_seconds():
    chance = random.Random(7)
    adjacency = {
        f"n{number}": [f"n{chance.randrange(number + 1, 10_000)}" for _ in range(3)]
        for number in range(9_999)
    }
    dag = Dag.from_adjacency(adjacency)

    started = time.process_time()
    svg = ET.fromstring(draw_svg(dag))

    assert time.process_time() - started < 20
    assert len(titles(svg, "ppl-n")) == 10_000
    assert len(titles(svg, "ppl-e")) == sum(map(len, dag.successors))
