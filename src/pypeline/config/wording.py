"""What pydantic found, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.config.fields import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.config.findings import Hints

_LONGEST = 60
_WHOLE, _NUMBER, _BOOL = "a whole number", "a number", "true or false"
_WANTED = {
    "string_type": "text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "union_tag_not_found": "a mapping with a `type`",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_CHOICES = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}
_EMPTY = ("is empty", "write something or remove it")
_SAID = {"missing": ("is missing", "add it"), "string_too_short": _EMPTY, "too_short": _EMPTY}


def words(error: Mapping[str, Any], written: Any, hints: Hints) -> tuple[str, str]:
    """The problem and the remedy of one pydantic error; ``written`` is the value as the file has it."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _SAID:
        return _SAID[kind]
    if kind in _WANTED:
        said = f"should be {_WANTED[kind]} but is {_what(written)}", _remedy_of_type(kind, written)
    elif kind in _BOUNDS:
        name, bound = _BOUNDS[kind]
        said = f"is {show(written)}", f"it must be {bound} {context[name]:g}"
    elif kind in _CHOICES:
        said = _choice(context[_CHOICES[kind]], written, hints)
    elif kind == "string_pattern_mismatch":
        said = f"{show(written)} cannot be used", f"write {PATTERNS[context['pattern']]}"
    else:
        said = context.get("said", error["msg"]), context.get("remedy", "see `pypeline schema`")
    return said


def show(value: Any) -> str:
    """A value as a message quotes it."""
    text = str(value)
    return f"`{text[:_LONGEST]}…`" if len(text) > _LONGEST else f"`{text}`"


def _what(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "a boolean"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return show(value)


def _remedy_of_type(kind: str, written: Any) -> str:
    if kind == "string_type" and isinstance(written, (bool, int, float)):
        return "quote it"
    if kind == "list_type" and isinstance(written, str):
        return f"write [{written}]"
    return f"write {_WANTED[kind]}"


def _choice(expected: str, written: Any, hints: Hints) -> tuple[str, str]:
    allowed = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    known = f"use one of {', '.join(allowed)}"
    return f"{show(written)} is not allowed", hints.of(str(written), allowed, known)
