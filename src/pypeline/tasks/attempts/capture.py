"""What runs in an attempt prints and logs into the attempt's own output."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from pypeline.tasks.attempts.output import Output

_current: ContextVar[Output | None] = ContextVar("pypeline_output", default=None)

# Celery's task loggers do not propagate to the root.
LOGGERS = ("root", "celery.task")
_STREAMS = ("stdout", "stderr")
_KEPT = "_pypeline_kept"


@contextmanager
def kept_in(output: Output) -> Iterator[None]:
    """
    Send what this context prints and logs to ``output``, where a `Capture` is installed.

    The context is that of `contextvars`: coroutines and `asyncio.to_thread` belong to it, threads that a
    handler starts otherwise do not. What a subprocess or C code writes to the descriptors is not seen.
    """
    token = _current.set(output)
    try:
        yield
    finally:
        _current.reset(token)


class Capture:
    """
    Stands in for ``sys.stdout`` and ``sys.stderr``, and listens to ``logging``, while it is installed.

    Inside an attempt they lead to its output, elsewhere to the real streams. With ``echo`` the prints of
    attempts go to the real streams too.
    """

    def __init__(self, *, echo: bool = False) -> None:
        self._echo = echo
        self._streams: dict[str, _Stream] = {}

    def install(self) -> None:
        """Begin; a second call does nothing."""
        if self._streams:
            return
        for name in _STREAMS:
            self._streams[name] = stream = _Stream(getattr(sys, name), echo=self._echo)
            setattr(sys, name, stream)
        _listener.begin()

    def uninstall(self) -> None:
        """End: put the real streams back, unless somebody has put others in our place since."""
        if self._streams:
            _listener.end()
        for name, stream in self._streams.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.real)
        self._streams.clear()

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()


def attempt_logger(name: str, output: Output) -> logging.Logger:
    """
    A logger whose lines (INFO and above) are kept with the attempt, whichever thread logs them.

    They also go to the process's logger of that name, if it is enabled for them.
    """
    target = logging.getLogger(name)
    level = min(logging.INFO, target.getEffectiveLevel())
    logger = logging.Logger(name, level)  # noqa: LOG001 - it lives as long as the attempt
    logger.addHandler(_Forward(output, target))
    return logger


class _Stream:
    """A text stream that leads to the attempt's output, and outside of an attempt is the real one."""

    def __init__(self, real: TextIO | None, *, echo: bool) -> None:
        self.real = real
        self._echo = echo

    def write(self, text: str) -> int:
        output = _current.get()
        if output is None:
            return self._pass_on(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        output.write(text)
        if self._echo:
            self._pass_on(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self.real is not None and (self._echo or _current.get() is None):
            self.real.flush()

    def isatty(self) -> bool:
        """False in an attempt: colours and progress bars have no place in a log."""
        return self.real is not None and _current.get() is None and self.real.isatty()

    @property
    def buffer(self) -> Any:
        """The stream for bytes."""
        return self.existing().buffer if _current.get() is None else _ByteStream(self)

    def existing(self) -> TextIO:
        if self.real is None:
            raise AttributeError("this process has no such stream")
        return self.real

    def _pass_on(self, text: str) -> int:
        return len(text) if self.real is None else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.existing(), name)


class _ByteStream:
    """The ``buffer`` of a stream in an attempt: what is written to it is read as UTF-8."""

    def __init__(self, text: _Stream) -> None:
        self._text = text

    def write(self, data: bytes) -> int:
        self._text.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._text.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text.existing().buffer, name)


class _Formatter(logging.Formatter):
    converter = time.gmtime  # type: ignore[assignment] # as the standard library does with localtime
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"


_FORMATTER = _Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Listener:
    """
    Keeps each record of an attempt, once, while anybody captures.

    It stands around ``Logger.callHandlers`` and is no handler: one at the root would make Flask,
    ``logging.basicConfig`` and Python's last resort believe that somebody shows what the program logs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._keeper = logging.Handler()
        self._keeper.setFormatter(_FORMATTER)

    def begin(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._real: Callable[[logging.Logger, logging.LogRecord], None] = logging.Logger.callHandlers
                # One object, to be known again.
                self._ours = self._wrapper()
                logging.Logger.callHandlers = self._ours  # type: ignore[method-assign, assignment]

    def end(self) -> None:
        """Put the real method back, unless somebody has put another around ours: that goes on to call it."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and logging.Logger.callHandlers is self._ours:
                logging.Logger.callHandlers = self._real  # type: ignore[method-assign, assignment]

    def _wrapper(self) -> Callable[[logging.Logger, logging.LogRecord], None]:
        real = self._real

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            output = _current.get()
            if self._users and output is not None and not _is_kept(record) and _is_heard(logger):
                setattr(record, _KEPT, True)
                _keep(self._keeper, record, output)
            # What is kept needs no last resort.
            if not _is_kept(record) or logger.hasHandlers():
                real(logger, record)

        return call_handlers


_listener = _Listener()


def _is_kept(record: logging.LogRecord) -> bool:
    return getattr(record, _KEPT, False)


def _is_heard(logger: logging.Logger) -> bool:
    """True where its records reach one of `LOGGERS`."""
    at: logging.Logger | None = logger
    while at is not None and at.name not in LOGGERS:
        at = at.parent if at.propagate else None
    return at is not None


class _Forward(logging.Handler):
    """Keeps a record, then hands it to the process's logger."""

    def __init__(self, output: Output, target: logging.Logger) -> None:
        super().__init__()
        self.setFormatter(_FORMATTER)
        self._output = output
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        setattr(record, _KEPT, True)
        _keep(self, record, self._output)
        if self._target.isEnabledFor(record.levelno):
            self._target.handle(record)


def _keep(handler: logging.Handler, record: logging.LogRecord, output: Output) -> None:
    try:
        output.write_line(handler.format(record))
    except Exception:  # noqa: BLE001 - as every handler of logging: a bad record stops nobody
        handler.handleError(record)
