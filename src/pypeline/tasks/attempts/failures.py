"""What a handler raised, as the outcome of its attempt."""

from __future__ import annotations

from math import isfinite
from traceback import TracebackException
from typing import TYPE_CHECKING

from pypeline.errors import Fail, RetryLater, Skip
from pypeline.runs.outcome import ErrorInfo, Failed, Outcome, Postponed, SkippedByHandler
from pypeline.tasks.attempts.encoding import UnusableResult
from pypeline.tasks.attempts.output import shortened, storable
from pypeline.tasks.limits.timeouts import HardTimeLimit, SoftTimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_MESSAGE_LIMIT = 4 * 1024
_TRACEBACK_LIMIT = 16 * 1024
_LONGEST_DELAY = 366 * 86_400.0  # seconds; `RetryLater(math.inf)` is still a time that databases can hold

# The modules that stand between this one and a handler: how it was called helps nobody.
_CALLERS = ("pypeline.tasks.", "asyncio.", "celery.")


def outcome_of(error: BaseException, *, max_ttl: float | None) -> Outcome:
    """How an attempt ends that raised ``error``; never raises, whatever the error does when looked at."""
    match error:
        case Fail():
            return Failed(error_info(error), final=True)
        case Skip():
            return SkippedByHandler(_message(error))
        case RetryLater():
            return Postponed(_delay(error), _message(error))
        case UnusableResult():
            return Failed(ErrorInfo(type(error).__name__, _message(error)))
        case _ if _is_time_limit(error):
            return Failed(time_limit_info(max_ttl, _traceback(error)))
        case _:
            return Failed(error_info(error))


def time_limit_info(max_ttl: float | None, traceback: str | None = None) -> ErrorInfo:
    """The error of an attempt that outlived its ``maxTtl`` (in seconds)."""
    after = "" if max_ttl is None else f" after {max_ttl:g} s"
    return ErrorInfo("TimeLimitExceeded", f"timed out{after}", traceback)


def error_info(error: BaseException) -> ErrorInfo:
    """An error as it is kept: bounded in size, without the frames of the caller."""
    return ErrorInfo(storable(type(error).__name__), _message(error), _traceback(error))


def ends_the_worker(error: BaseException) -> bool:
    """
    True where the worker itself is asked to end, and the handler was merely what ran at the time.

    Celery raises its own kinds of SystemExit; the signal handler of a billiard process raises a plain one.
    """
    if not isinstance(error, SystemExit):
        return False
    return type(error).__module__.startswith("celery.") or "billiard.common" in _modules(error)


def _is_time_limit(error: BaseException) -> bool:
    # The name is billiard's: this module imports no Celery.
    return isinstance(error, SoftTimeLimit | HardTimeLimit) or type(error).__name__ == "SoftTimeLimitExceeded"


def _delay(error: RetryLater) -> float:
    try:
        seconds = float(error.seconds)
    except (AttributeError, TypeError, ValueError):  # a subclass may have lost it
        seconds = 0.0
    return max(0.0, min(seconds, _LONGEST_DELAY)) if isfinite(seconds) or seconds > 0 else 0.0


def _message(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return f"the handler called sys.exit({'' if error.code is None else _text(error.code, repr)})"
    return _text(error, str) or storable(f"the handler raised {name}")


def _text(value: object, show: Callable[[object], str]) -> str:
    try:
        return shortened(show(value), limit=_MESSAGE_LIMIT)
    except BaseException as problem:  # noqa: BLE001 - the user's __str__ may raise anything
        return storable(f"(its text cannot be shown: it raised {type(problem).__name__})")


def _traceback(error: BaseException) -> str | None:
    try:
        trace = TracebackException(type(error), error, _of_the_handler(error.__traceback__))
        return shortened("".join(trace.format()), limit=_TRACEBACK_LIMIT)
    except BaseException:  # noqa: BLE001 - as above; without a traceback the error still tells most
        return None


def _of_the_handler(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not one of the callers'."""
    while trace is not None and _module(trace).startswith(_CALLERS):
        trace = trace.tb_next
    return trace


def _modules(error: BaseException) -> Iterator[str]:
    """Where the error came through. In a child of a pool even a handler's own ``sys.exit`` is billiard's."""
    trace = error.__traceback__
    while trace is not None:
        yield _module(trace)
        trace = trace.tb_next


def _module(trace: TracebackType) -> str:
    return str(trace.tb_frame.f_globals.get("__name__", ""))
