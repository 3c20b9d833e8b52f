"""The factories of tools: found by their dotted path, as handlers are, and called without arguments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pypeline.config.handlers import HandlerProblem, find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def import_factory(path: str, folder: Path | None = None) -> Callable[[], Any]:
    """
    The function or class at a dotted path such as ``package.module.make``; nothing is called here.

    Raises HandlerProblem for what cannot be called without arguments, or gives a coroutine, and for whatever
    the import of its module raises.
    """
    owner, found = find(path, folder)
    if owner is None:
        raise HandlerProblem(path, "is a module: name one of its functions or classes")
    if not callable(found):
        raise HandlerProblem(path, f"is no function or class but of type {type(found).__name__}")
    if _is_coroutine_function(found):
        raise HandlerProblem(path, "is a coroutine function, which nobody awaits: make it a plain function")
    _refuse_arguments(path, owner, _required(found))
    return found  # type: ignore[no-any-return] # checked above


def _is_coroutine_function(found: Any) -> bool:
    if inspect.isclass(found):
        return False
    return inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(found.__call__)


def _required(found: Any) -> list[str]:
    """The parameters that a call must give, as far as they can be known."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # some types of C tell nobody
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind not in _VARIADIC and parameter.default is parameter.empty
    ]


def _refuse_arguments(path: str, owner: Any, required: list[str]) -> None:
    if inspect.isclass(owner) and required[:1] == ["self"]:
        problem = "is a method of an instance: write a function that makes the instance and calls it"
        raise HandlerProblem(path, problem)
    if required:
        names = ", ".join(f"`{name}`" for name in required)
        raise HandlerProblem(
            path, f"is called without arguments and needs {names}: write a function that fills them in"
        )
