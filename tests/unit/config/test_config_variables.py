from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pypeline.config.variables import Whole, expand, typed

_NAME = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
_VALUE = st.text(alphabet=st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="${}"))


@given(name=_NAME, value=_VALUE, default=_VALUE, before=_VALUE, after=_VALUE)
def test_a_variable_is_its_value_else_its_default(name, value, default, before, after):
    text = f"{before}${{{name}:{default}}}{after}"

    assert expand(text, {name: value}) == (f"{before}{value}{after}", [])
    assert expand(text, {}) == (f"{before}{default}{after}", [])


@given(name=_NAME, value=_VALUE, default=_VALUE)
def test_a_whole_variable_is_what_yaml_makes_of_the_text(name, value, default):
    for env, text in (({name: value}, value), ({}, default)):
        expanded, _ = expand({"k": [f"${{{name}:{default}}}"]}, env)

        assert typed(expanded) == {"k": [_plain(text)]}


def _plain(text: str):
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))
    if tag.rsplit(":", 1)[1] not in ("int", "float", "bool", "null"):
        return text
    value = yaml.SafeLoader("").construct_object(yaml.ScalarNode(tag, text))
    return text if value in (float("inf"), float("-inf")) or value != value else value  # noqa: PLR0124 - nan


@given(
    tree=st.recursive(_VALUE | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(_NAME, inner))
)
def test_data_without_variables_stays_as_it_is(tree):
    assert expand(tree, {"A": "1"}) == (tree, [])
    assert typed(tree) == tree


def test_the_first_colon_parts_name_and_default():
    assert expand("${URL:redis://h:6379/0}", {})[0] == "redis://h:6379/0"


def test_a_variable_without_value_or_default_is_a_fault_where_it_is_used():
    _, faults = expand({"a": ["x", "${ONE}-${TWO:2}-${THREE}"]}, {})

    assert [(fault.path, fault.problem) for fault in faults] == [
        (("a", 1), "`${ONE}` has no value"),
        (("a", 1), "`${THREE}` has no value"),
    ]


def test_an_empty_value_is_a_value():
    expanded, faults = expand("${ONE}", {"ONE": ""})

    assert (expanded, faults) == (Whole(""), [])
    assert typed(expanded) is None


def test_what_names_no_variable_stays():
    assert expand("${payload.day} $HOME ${} ${1}", {}) == ("${payload.day} $HOME ${} ${1}", [])


def test_a_number_that_json_cannot_hold_stays_text():
    assert typed(Whole(".inf")) == ".inf"
