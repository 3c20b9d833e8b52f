"""The local generator against the rules, on random trees with odd names."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from listings import ANY_NAMES, expected, grow, options, trees
from pypeline.generators import LocalKeyGenerator

TREES = trees(ANY_NAMES)
FEWER = settings(max_examples=100)  # each example makes and deletes files


@FEWER
@given(tree=TREES, chosen=options())
def test_a_listing_holds_what_was_asked_for_in_key_order(tree, chosen):
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), tree)

        assert _keys(folder, **chosen) == expected(tree, **chosen)


@FEWER
@given(tree=TREES.filter(bool), chosen=options(), data=st.data())
def test_a_prefix_is_the_beginning_of_keys(tree, chosen, data):
    key = data.draw(st.sampled_from(sorted(tree)))
    prefix = key[: data.draw(st.integers(0, len(key)))]
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), tree)

        assert _keys(folder, prefix, **chosen) == expected(tree, prefix, **chosen)


@FEWER
@given(tree=TREES, size=st.integers(1, 5))
def test_windows_put_together_are_the_whole(tree, size):
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), tree)
        whole = _keys(folder, recursive=True)

        parts = [
            _keys(folder, recursive=True, offset=start, limit=size) for start in range(0, len(whole), size)
        ]

        assert [key for part in parts for key in part] == whole


def _keys(folder: str, prefix: str = "", **chosen: object) -> list[str]:
    return LocalKeyGenerator().list_files(folder, prefix, return_full_path=False, **chosen)
