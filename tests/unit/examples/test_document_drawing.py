from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from document_stats.drawing import LONGEST_LABEL, Panel, bar_chart
from hypothesis import given
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
rows = st.lists(st.tuples(st.text(max_size=60), st.integers(0, 10**9)), max_size=5)


def texts(svg: str, style: str) -> list[str]:
    found = ET.fromstring(svg).iter(f"{SVG}text")
    return ["".join(text.itertext()) for text in found if text.get("class") == style]


def bars(svg: str) -> list[float]:
    return [float(bar.get("width")) for bar in ET.fromstring(svg).iter(f"{SVG}rect")][1:]


@given(st.text(), st.text(), rows, rows)
def test_any_text_gives_well_formed_xml(title, summary, left, right):
    svg = bar_chart(title, summary, [Panel("Left", "a", left), Panel("Right", "b", right)])

    assert len(texts(svg, "label")) == len(left) + len(right)


def test_markup_in_a_label_stays_text():
    svg = bar_chart("<b>", "&", [Panel("Terms", "", [("<script>alert(1)</script>", 1)])])

    assert ET.fromstring(svg).find(f".//{SVG}script") is None
    assert texts(svg, "title") == ["<b>"]


def test_bars_are_as_long_as_their_values():
    longest, half, none = bars(bar_chart("T", "s", [Panel("P", "u", [("a", 10), ("b", 5), ("c", 0)])]))

    assert longest > 0
    assert half * 2 == pytest.approx(longest, abs=0.2)
    assert none == 0


def test_a_panel_of_zeros_has_bars_without_length():
    assert bars(bar_chart("T", "s", [Panel("P", "u", [("a", 0)])])) == [0]


def test_an_empty_panel_says_so():
    assert "nothing to show" in texts(bar_chart("T", "s", [Panel("P", "u", [])]), "summary")


def test_a_long_label_keeps_its_two_ends():
    [label] = texts(bar_chart("T", "s", [Panel("P", "u", [("chapter-" * 20 + "07.txt", 1)])]), "label")

    assert len(label) <= LONGEST_LABEL
    assert label.startswith("chapter")
    assert label.endswith("07.txt")


def test_a_screen_reader_hears_title_and_numbers():
    root = ET.fromstring(bar_chart("Title", "sum", [Panel("Terms", "times", [("pear", 3)])]))

    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Title"
    assert root.find(f"{SVG}desc").text == "sum. Terms (times): pear 3"


def test_dark_pages_have_their_own_colours():
    assert "prefers-color-scheme: dark" in bar_chart("T", "s", [])
