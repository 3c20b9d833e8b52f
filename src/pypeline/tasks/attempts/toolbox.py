"""The tools that handlers ask for: the configuration's, made once a process, and those of the attempt."""

from __future__ import annotations

import logging
import os
from math import isfinite
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from pypeline.config.factories import import_factory
from pypeline.config.handlers import HandlerProblem
from pypeline.config.service_rules import RESERVED_TOOLS
from pypeline.errors import PypelineError
from pypeline.store.records import Progress
from pypeline.tasks.attempts.capture import attempt_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pypeline.tasks.attempts.output import Output

logger = logging.getLogger(__name__)


class Publisher(Protocol):
    """Hands single tasks to workers: `pypeline.application.publishing.Publishing`."""

    @property
    def publish(self) -> Callable[..., str]:
        """Hand out one task."""

    @property
    def publish_in_batches(self) -> Callable[..., list[str]]:
        """Hand out a list in batches."""


class ToolUnavailable(PypelineError):  # noqa: N818 - names say what is wrong
    """A tool's factory cannot be used, or failed. The next attempt that asks calls it again."""

    def __init__(self, name: str, factory: str, problem: str) -> None:
        self.name = name
        self.factory = factory
        super().__init__(f"tool {name!r}: its factory {factory} {problem}")


class NobodyPublishes(PypelineError):  # noqa: N818
    """A handler that was called outside of a worker has nobody to publish for it."""

    def __init__(self) -> None:
        super().__init__("tools.publish works in a worker only; elsewhere call pypeline.publish")


class Toolbox:
    """
    The tools of the configuration: name → dotted path of a factory, a function or class without arguments.

    A tool is made when it is first asked for, once per process: a forked child makes its own. What a factory
    gives is the tool; a context manager without ``close()`` is entered, and what that gives is the tool. Safe
    to use from several threads.

    ``folder`` is where their code is. ``publisher`` is who publishes tasks for the handlers of this process;
    None where nobody does.
    """

    def __init__(self, factories: Mapping[str, str], folder: Path | None = None) -> None:
        self._factories = dict(factories)
        self._folder = folder
        self._made: dict[int, _Made] = {}
        self.publisher: Publisher | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tools."""
        return tuple(self._factories)

    def get(self, name: str) -> Any:
        """The tool of that name. Raises KeyError for others, ToolUnavailable if it cannot be made."""
        made = self._made.setdefault(os.getpid(), _Made())
        if name in made.tools:
            return made.tools[name]
        with made.lock:
            if name not in made.tools:
                made.tools[name] = self._make(name, made.closers)
            return made.tools[name]

    def close(self) -> None:
        """Close the tools that this process made, the last one first. They are made again if asked for."""
        made = self._made.pop(os.getpid(), None)
        for name, close in reversed(made.closers if made else ()):
            try:
                close()
            except Exception:
                logger.exception("tool %r did not close", name)

    def _make(self, name: str, closers: list[tuple[str, Callable[[], object]]]) -> Any:
        path = self._factories[name]
        try:
            tool, close = _opened(import_factory(path, self._folder)())
        except HandlerProblem as problem:
            raise ToolUnavailable(name, path, f"cannot be used: {problem.problem}") from problem
        except Exception as error:
            raise ToolUnavailable(name, path, f"failed: {type(error).__name__}: {error}") from error
        if close is not None:
            closers.append((name, close))
        return tool


class Tools:
    """
    What a handler gets as ``tools``: what is told here, and the configuration's tools by name.

    ``on_progress`` hears of progress, ``is_cancelled`` answers whether the run was cancelled.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        *,
        handler: str,
        output: Output,
        on_progress: Callable[[Progress], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._handler = handler
        self._output = output
        self._on_progress = on_progress
        self._is_cancelled = is_cancelled
        self._log: logging.Logger | None = None

    @property
    def log(self) -> logging.Logger:
        """A logger whose lines are kept with the attempt, from any thread of the handler's."""
        if self._log is None:
            self._log = attempt_logger(self._handler, self._output)
        return self._log

    @property
    def cancelled(self) -> bool:
        """True once the run was cancelled or is past its deadline: nobody wants the result any more."""
        return self._is_cancelled is not None and self._is_cancelled()

    def progress(self, done: float, total: float | None = None) -> None:
        """
        Say how far the attempt is, as often as you like: it costs a few microseconds, and waits for nothing.

        Raises TypeError and ValueError for what is no number, or not finite.
        """
        said = Progress(_number(done), None if total is None else _number(total))
        if self._on_progress is not None:
            self._on_progress(said)

    def publish(self, *args: Any, **kwargs: Any) -> str:
        """Hand one task to a worker, as `pypeline.publish` does."""
        return self._publisher().publish(*args, **kwargs)

    def publish_in_batches(self, *args: Any, **kwargs: Any) -> list[str]:
        """Hand a list to workers in batches, as `pypeline.publish_in_batches` does."""
        return self._publisher().publish_in_batches(*args, **kwargs)

    def _publisher(self) -> Publisher:
        publisher = self._toolbox.publisher
        if publisher is None:
            raise NobodyPublishes
        return publisher

    def __getattr__(self, name: str) -> Any:
        if name not in self._toolbox.names:
            raise AttributeError(f"no tool {name!r}; there are: {', '.join(dir(self))}")
        return self._toolbox.get(name)

    def __dir__(self) -> list[str]:
        return sorted({*RESERVED_TOOLS, *self._toolbox.names})


class _Made:
    """What one process has made. A fork leaves it, and a lock that may be held, to the parent."""

    def __init__(self) -> None:
        self.lock = RLock()  # a factory may ask for another tool
        self.tools: dict[str, Any] = {}
        self.closers: list[tuple[str, Callable[[], object]]] = []


def _number(value: float) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"tools.progress takes finite numbers, not {value!r}")
    return number


def _opened(product: Any) -> tuple[Any, Callable[[], object] | None]:
    """The tool that a factory's product is, and what closes it."""
    close = getattr(product, "close", None)
    if callable(close):
        return product, close
    kind = type(product)
    if hasattr(kind, "__enter__") and hasattr(kind, "__exit__"):
        return product.__enter__(), lambda: product.__exit__(None, None, None)
    return product, None
