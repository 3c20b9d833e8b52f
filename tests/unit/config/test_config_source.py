from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pypeline.config import source as source_module
from pypeline.config.findings import Fault, Finding, Hints, show_path
from pypeline.config.source import read_source


def _data(text: str):
    source = read_source("f.yaml", text.encode())
    assert source.faults == ()
    return source.data


@pytest.fixture(params=["C", "Python"])
def loader(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.setattr(source_module, "_Loader", yaml.SafeLoader)


def _faults(text: str | bytes) -> list[tuple[int, int, str]]:
    content = text if isinstance(text, bytes) else text.encode()
    return [(one.line, one.column, one.problem) for one in read_source("f.yaml", content).faults]


# Control characters are read by no two YAML libraries alike, and NUL is refused.
_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]))
_SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXT
)
_TREE = st.recursive(_SCALAR, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=20)


@given(tree=_TREE)
def test_what_is_dumped_is_read_as_pyyaml_reads_it(tree):
    text = yaml.safe_dump(tree, allow_unicode=True)

    assert read_source("f", text.encode()).data == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (
            "a: 0x1F\nb: 1_000\nc: .5\nd: ~\ne: yes\nf: '3'",
            {"a": 31, "b": 1000, "c": 0.5, "d": None, "e": True, "f": "3"},
        ),
        ("at: 2026-05-01", {"at": "2026-05-01"}),
        ("1: a\non: b", {"1": "a", "on": "b"}),
        ("a: !!str 3\nb: !!int '3'\nc: !!float 1", {"a": "3", "b": 3, "c": 1.0}),
        ("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}),
        ("a: &x name\n*x : 1", {"a": "name", "name": 1}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}}),
        (
            "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc:\n  <<: [*x, *y]",
            {"a": {"k": 1}, "b": {"k": 2, "l": 2}, "c": {"k": 1, "l": 2}},
        ),
        ("\ufeffa: 1", {"a": 1}),
        ("just text", "just text"),
        ("a: ! 3", {"a": 3}),
    ],
)
def test_yaml_means_what_it_usually_means(loader, text, data):
    assert _data(text) == data


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: [1,\nc: 2", 3, 5, "is no YAML"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "the key `c` is here twice, first in line 3"),
        (
            "a: !!python/object/apply:os.system [ls]",
            1,
            4,
            "the tag `!!python/object/apply:os.system` is not allowed",
        ),
        ("a: !thing 1", 1, 4, "the tag `!thing`"),
        ("a: 1\nb: *nobody", 2, 4, "no anchor `&nobody`"),
        ("a: &x [*x]", 1, 8, "stands inside of what it names"),
        ("a: .inf", 1, 4, "JSON cannot hold .inf"),
        ("a: !!int seven", 1, 4, "'seven' is no int"),
        ('a: "\\0"', 1, 4, "NUL character"),
        ("a: {<<: 3}", 1, 9, "`<<` merges mappings only"),
        ("? [a]\n: 1", 1, 3, "a key must be plain text"),
        ("a: 1\n---\nb: 2", 2, 1, "a second document"),
        ("", 1, 1, "the file is empty"),
        ("# only words\n", 1, 1, "the file is empty"),
        ("a: \a", 1, 4, "a character that YAML forbids"),
        (b"a: 1\nb: \xff", 2, 4, "is no UTF-8 text"),
        ("[" * 200, 1, 101, "more than 100 levels"),
        (
            "a: \n" + "\n".join(" " * depth + "k:" for depth in range(1, 300)),
            101,
            101,
            "more than 100 levels",
        ),
    ],
)
def test_what_yaml_forbids_is_found_at_its_place(text, line, column, words):
    (found,) = _faults(text)

    assert found[:2] == (line, column)
    assert words in found[2]


def test_pure_python_and_c_agree_on_the_place_of_a_syntax_error(loader):
    (found,) = _faults("a: b: c")

    assert found[:2] == (1, 5)


def test_half_a_surrogate_pair_is_refused(monkeypatch):
    monkeypatch.setattr(source_module, "_Loader", yaml.SafeLoader)  # libyaml refuses the escape itself

    assert _faults('a: "\\ud800"') == [(1, 4, "the text holds half of a surrogate pair")]


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    (found,) = _faults("\n".join(lines))

    assert "the aliases blow the file up" in found[2]


def test_a_bomb_of_long_text_is_refused():
    (found,) = _faults(f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 1000)}]")

    assert "the aliases blow the file up" in found[2]


def test_faults_before_a_syntax_error_are_kept():
    assert [line for line, _, _ in _faults("a: 1\na: 2\nb: [")] == [2, 3]


def test_a_path_leads_to_its_value_its_key_or_the_nearest_parent():
    source = read_source("f", b"a:\n  b: [1, {c: 2}]\n")

    assert source.place(("a", "b", 1, "c")) == (2, 14)
    assert source.place(("a", "b", 1, "c"), at_key=True) == (2, 11)
    assert source.place(("a", "b")) == (2, 3)
    assert source.place(("a", "missing")) == (1, 1)
    assert source.place(()) == (1, 1)
    assert source.place(("x",)) == (1, 1)


def test_a_finding_reads_as_one_line():
    finding = read_source("f.yaml", b"a: {b.c: 1}").finding(Fault(("a", "b.c"), "is wrong", "mend it"))

    assert str(finding) == 'f.yaml:1:10: a["b.c"]: is wrong, mend it'
    assert str(Finding("f", 1, 2, "", "is wrong", "mend it")) == "f:1:2: is wrong, mend it"


def test_a_path_begins_with_a_name_or_an_index():
    assert show_path((0, "a", 2)) == "[0].a[2]"


def test_hints_end_when_they_have_cost_enough():
    hints = Hints(most_comparisons=3)

    assert hints.of("qeue", ["queue", "name"], "remove it") == "did you mean `queue`?"
    assert hints.of("qeue", ["queue", "name"], "remove it") == "remove it"
