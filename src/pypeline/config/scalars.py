"""What a YAML scalar means: its type by how it is written, as PyYAML reads YAML 1.1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

if TYPE_CHECKING:
    from pypeline.types import JsonValue

_YAML = "tag:yaml.org,2002:"
_TEXT = _YAML + "str"
# JSON has no dates: what looks like one stays the text that was written.
_AS_TEXT = frozenset({_TEXT, _YAML + "timestamp", _YAML + "value", _YAML + "merge"})
_TYPED = frozenset(_YAML + name for name in ("null", "bool", "int", "float"))
_CONSTRUCTOR = SafeConstructor()


class NoScalar(ValueError):  # noqa: N818 - names say what is wrong
    """The text is not what its tag says, or not what JSON can hold."""


def resolve_tag(text: str) -> str:
    """The tag of a plain scalar."""
    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return _TEXT


def is_known_tag(tag: str) -> bool:
    """True for the tags of scalars that JSON can hold."""
    return tag in _TYPED or tag in _AS_TEXT


def construct(tag: str, text: str) -> JsonValue:
    """The value of a scalar of a known tag. Raises NoScalar."""
    if tag in _AS_TEXT:
        return _checked_text(text)
    try:
        value = _CONSTRUCTOR.yaml_constructors[tag](_CONSTRUCTOR, ScalarNode(tag, text))
    except (ValueError, KeyError, IndexError, ConstructorError) as error:
        kind = tag.removeprefix(_YAML)
        raise NoScalar(f"{text!r} is no {kind}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise NoScalar(f"JSON cannot hold {text}")
    return value  # type: ignore[no-any-return] # one of the four types above


def plain_value(text: str) -> JsonValue:
    """The value of this text as a plain scalar: ``3`` is a number, ``true`` a boolean. Raises NoScalar."""
    return construct(resolve_tag(text), text)


def _checked_text(text: str) -> str:
    if "\0" in text:
        raise NoScalar("the text holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NoScalar("the text holds half of a surrogate pair") from None
    return text
