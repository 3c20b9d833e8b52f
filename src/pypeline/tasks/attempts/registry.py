"""The handlers that this worker may call: those of its configuration, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.config.handlers import HandlerProblem, HandlerSignature, import_handler, read_signature
from pypeline.errors import PypelineError
from pypeline.tasks.attempts.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pypeline.types import JsonObject


class HandlerMissing(PypelineError):  # noqa: N818 - names say what is wrong
    """A handler cannot be called here, for ``reason``. Another worker may have it, or this one later."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"handler {path} {reason}")


@dataclass(frozen=True, slots=True)
class Handler:
    """
    A user's function, by its dotted path, and the defaults of its event.

    ``function`` may be a coroutine function or a task of the user's own Celery application.
    """

    path: str
    function: Callable[..., Any]
    signature: HandlerSignature
    defaults: JsonObject


class Registry:
    """
    The registered handlers (dotted path → event defaults) and tools (name → factory's dotted path).

    A handler is imported when it is first resolved. ``worker`` is whose they are, in words, and ``folder``
    where their code is. Safe to use from several threads.
    """

    def __init__(
        self,
        handlers: Mapping[str, JsonObject],
        tools: Mapping[str, str],
        *,
        worker: str = "this worker",
        folder: Path | None = None,
    ) -> None:
        self._defaults = dict(handlers)
        self._worker = worker
        self._folder = folder
        self._resolved: dict[str, Handler] = {}
        self.toolbox = Toolbox(tools, folder)

    @property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths of its handlers, as they were registered."""
        return tuple(self._defaults)

    def resolve(self, path: str) -> Handler:
        """
        The handler at a dotted path.

        Raises HandlerMissing if it is not registered, or cannot be imported now: the next call tries again.
        """
        handler = self._resolved.get(path)
        if handler is None:
            handler = self._resolved.setdefault(path, self._import(path))
        return handler

    def _import(self, path: str) -> Handler:
        if path not in self._defaults:
            raise HandlerMissing(path, f"is not among the registeredTasks of {self._worker}")
        try:
            function = import_handler(path, self._folder)
            return Handler(path, function, read_signature(function), self._defaults[path])
        except HandlerProblem as problem:
            raise HandlerMissing(path, f"cannot be used: {problem.problem}") from problem
