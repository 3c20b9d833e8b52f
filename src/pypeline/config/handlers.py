"""The user's functions: found by their dotted path, and what their parameters ask for."""

from __future__ import annotations

import filecmp
import importlib
import inspect
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class HandlerProblem(Exception):  # noqa: N818 - names say what is wrong
    """A handler, or the factory of a tool, cannot be used: ``path`` names it, ``problem`` says why."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True, slots=True)
class HandlerSignature:
    """
    What a handler asks for beside its event.

    ``injected`` must name predecessors; ``optional`` have a default and are given only where they do.
    """

    takes_tools: bool
    injected: tuple[str, ...]
    optional: frozenset[str]


def import_handler(path: str, folder: Path | None = None) -> Callable[..., Any]:
    """
    The function, method or Celery task at a dotted path such as ``package.module.Class.method``.

    A method that takes ``self`` is bound to an instance made without arguments. Raises as `find` does.
    """
    owner, found = find(path, folder)
    if owner is None:
        raise HandlerProblem(path, "is a module: name one of its functions")
    return _callable(path, owner, found)


def find(path: str, folder: Path | None = None) -> tuple[Any, Any]:
    """
    What a dotted path names, behind the module or class that has it; a module stands behind None.

    ``folder`` is where the configuration's code is: a module that is there must not be another of its name.
    Raises HandlerProblem, also for whatever the import of its module raises.
    """
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        raise HandlerProblem(path, "is no dotted path: write package.module.function")
    module, rest = _import_longest_prefix(path, parts)
    if folder is not None:
        _refuse_namesake(path, module, ".".join(parts[: len(parts) - len(rest)]), folder)
    owner: Any = None
    found: Any = module
    for name in rest:
        owner, found = found, _attribute(path, found, name)
    return owner, found


def read_signature(function: Callable[..., Any]) -> HandlerSignature:
    """What the function asks for. Raises HandlerProblem unless its first argument can be the event."""
    path = _name_of(function)
    parameters = _parameters(path, function)
    if not parameters or parameters[0].kind not in (*_NAMED, inspect.Parameter.VAR_POSITIONAL):
        raise HandlerProblem(path, "takes no positional argument: write `def handler(event)`")
    asked = [
        parameter
        for parameter in parameters[1:]
        if parameter.kind not in _VARIADIC and parameter.name != "tools"
    ]
    required = [parameter for parameter in asked if parameter.default is parameter.empty]
    _refuse_what_no_name_reaches(path, required)
    return HandlerSignature(
        takes_tools=any(parameter.name == "tools" for parameter in parameters[1:]),
        injected=tuple(parameter.name for parameter in required),
        optional=frozenset(parameter.name for parameter in asked if parameter not in required),
    )


def _import_longest_prefix(path: str, parts: Sequence[str]) -> tuple[ModuleType, Sequence[str]]:
    for length in range(len(parts), 0, -1):
        module = _import_module(path, ".".join(parts[:length]))
        if module is not None:
            return module, parts[length:]
    raise HandlerProblem(
        path, f"there is no module {parts[0]!r}, neither installed nor beside the configuration"
    )


def _import_module(path: str, name: str) -> ModuleType | None:
    """The module, or None where there is none of this name. What it raises while it runs is a problem."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            return None
        raise HandlerProblem(path, _raised(name, error)) from error
    except (Exception, SystemExit) as error:  # user code may raise anything
        raise HandlerProblem(path, _raised(name, error)) from error


def _raised(module: str, error: BaseException) -> str:
    return f"importing {module} raised {type(error).__name__}: {_message(error)} ({_place(error)})"


def _message(error: BaseException) -> str:
    try:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        return " ".join(said.split())
    except Exception:  # noqa: BLE001 - a user's exception may not even have a text
        return "an error without a readable message"


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _refuse_namesake(path: str, module: ModuleType, name: str, folder: Path) -> None:
    """A process has one module of a name: another application's, or one that is installed, may be first."""
    loaded = getattr(module, "__file__", None)
    ours = None if loaded is None else _passed_over(name, loaded, folder)
    if ours is not None:
        problem = (
            f"this process has the module {name} from {loaded}, not from {ours}: "
            "put the code of the two into packages of different names"
        )
        raise HandlerProblem(path, problem)


@lru_cache(maxsize=1024)  # asked for each run that starts
def _passed_over(name: str, loaded: str, folder: Path) -> Path | None:
    """The file of the folder that a module of this name should have come from; None where it did."""
    place = folder.joinpath(*name.split("."))
    files = [file for file in (place / "__init__.py", place.with_name(f"{place.name}.py")) if file.is_file()]
    used = Path(loaded)
    for file in files:
        # Compiled beside its source it is another file; links lead to either.
        if file.resolve() == used.resolve() or file.parent.resolve() == used.parent.resolve():
            return None
        if _is_copy(file, used):
            return None
    return files[0] if files else None


def _is_copy(file: Path, used: Path) -> bool:
    """True where the code is the same: installed from what lies here. An empty one says nothing."""
    return used.is_file() and file.stat().st_size > 0 and filecmp.cmp(file, used, shallow=False)


def _attribute(path: str, owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        kind = "module" if isinstance(owner, ModuleType) else "class"
        close = get_close_matches(name, dir(owner), n=1)
        hint = f", did you mean `{close[0]}`?" if close else ""
        problem = f"{kind} {_name_of(owner)} has no `{name}`{hint}"
        raise HandlerProblem(path, problem) from None


def _callable(path: str, owner: Any, found: Any) -> Callable[..., Any]:
    if inspect.isclass(found):
        raise HandlerProblem(path, "is a class: name one of its methods")
    if not callable(found):
        raise HandlerProblem(path, f"is no function but of type {type(found).__name__}")
    if inspect.isclass(owner) and isinstance(found, FunctionType) and _takes_self(found):
        return _bound(path, owner, found.__name__)
    return found  # type: ignore[no-any-return] # checked above


def _takes_self(function: FunctionType) -> bool:
    return next(iter(inspect.signature(function).parameters), None) == "self"


def _bound(path: str, owner: type, method: str) -> Callable[..., Any]:
    try:
        return getattr(owner(), method)  # type: ignore[no-any-return] # the same attribute, bound
    except Exception as error:
        problem = f"{owner.__name__}() raised {type(error).__name__}: {_message(error)} ({_place(error)})"
        raise HandlerProblem(path, problem) from error


def _parameters(path: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    # A Celery task is called through `run`, which is bound where the task is.
    run = getattr(function, "run", None)
    called = run if callable(run) and not inspect.isroutine(function) else function
    try:
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError) as error:
        raise HandlerProblem(path, f"its parameters cannot be read: {error}") from error


def _refuse_what_no_name_reaches(path: str, required: Sequence[inspect.Parameter]) -> None:
    for parameter in required:
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            problem = f"parameter `{parameter.name}` is positional-only: results are given by name"
            raise HandlerProblem(path, problem)
        if parameter.name == "event":
            raise HandlerProblem(path, "`event` must be its first parameter")


def _name_of(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return thing.__name__
    module = getattr(thing, "__module__", None) or "?"
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None) or type(thing).__name__
    return f"{module}.{name}"
