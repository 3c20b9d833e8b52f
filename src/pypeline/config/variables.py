"""``${VAR}`` and ``${VAR:default}`` in the scalars of a configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pypeline.config.findings import Fault
from pypeline.config.scalars import NoScalar, plain_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.config.findings import Path

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")


class Whole(str):
    """The text of a scalar that was one variable: text where text is wanted, else what YAML makes of it."""

    __slots__ = ()


def expand(data: Any, env: Mapping[str, str]) -> tuple[Any, list[Fault]]:
    """
    The data with its variables filled in, and the faults of those that have neither value nor default.

    A scalar that is one variable as a whole becomes a `Whole`. ``${…}`` that names no variable stays, and so
    do the keys to a bucket: only the worker that lists it looks at them.
    """
    faults: list[Fault] = []
    return _expand(data, (), env, faults), faults


def typed(value: Any) -> Any:
    """The value with every `Whole` in it, at any depth, as the type that YAML gives its text."""
    match value:
        case Whole():
            try:
                return plain_value(str(value))
            except NoScalar:
                return str(value)
        case dict():
            return {key: typed(inner) for key, inner in value.items()}
        case list():
            return [typed(inner) for inner in value]
        case _:
            return value


def _expand(value: Any, path: Path, env: Mapping[str, str], faults: list[Fault]) -> Any:
    match value:
        case str() if "${" in value and not _is_secret(path):
            faults.extend(_missing(value, path, env))
            return _expand_text(value, env)
        case dict():
            return {key: _expand(inner, (*path, key), env, faults) for key, inner in value.items()}
        case list():
            return [_expand(inner, (*path, index), env, faults) for index, inner in enumerate(value)]
        case _:
            return value


def _is_secret(path: Path) -> bool:
    match path:
        case ("pipelines", _, "config", "taskDefinitions", _, "generator", "accessKey" | "secretKey"):
            return True
        case _:
            return False


def _expand_text(text: str, env: Mapping[str, str]) -> str:
    expanded = _VARIABLE.sub(lambda match: env.get(match[1], match[2] or ""), text)
    return Whole(expanded) if _VARIABLE.fullmatch(text) else expanded


def _missing(text: str, path: Path, env: Mapping[str, str]) -> Iterator[Fault]:
    for match in _VARIABLE.finditer(text):
        if match[2] is None and match[1] not in env:
            name = match[1]
            yield Fault(path, f"`${{{name}}}` has no value", f"set {name}, or write ${{{name}:default}}")
