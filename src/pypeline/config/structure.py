"""Safe looks into data that may be broken anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def mapping_at(data: Any, *steps: str) -> dict[str, Any]:
    """The mapping at these keys, or an empty one where there is none."""
    for step in steps:
        data = data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def list_at(data: Any, *steps: str) -> list[Any]:
    """The list at these keys, or an empty one where there is none."""
    *inner, last = steps
    found = mapping_at(data, *inner).get(last)
    return found if isinstance(found, list) else []


def texts(values: Any) -> Iterator[tuple[int, str]]:
    """The texts in a list, each with its index; nothing where it is no list."""
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, str):
            yield index, value


def handlers_of(definition: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The handlers that a node's definition names, each with its path in the definition."""
    definition = mapping_at(definition)
    handler = definition.get("handler")
    if isinstance(handler, str):
        yield ("handler",), handler
    for index, handler in texts(definition.get("handlers")):
        yield ("handlers", index), handler
