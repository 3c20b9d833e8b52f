"""A handler's result as JSON text: only what JSON gives back as it was, and in the row up to the limit."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from pypeline.tasks.attempts.output import shortened
from pypeline.tasks.attempts.results import StoredSequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_KEPT = 1024**3
"""The largest result that a result store is given, in bytes: the JSON text is in memory as a whole."""

MAX_DEPTH = 200  # far below where readers of JSON give up, and more than a result needs

# Python refuses to read back a number of more than 4,300 digits, which all below 2**14284 keep to.
_INT_BITS = 14_284
_SLACK = 64 * 1024 * 1024  # a result that is over its limit by more is not encoded just to learn its size
_KEYS_SHOWN = 6


class UnusableResult(Exception):  # noqa: N818 - its subclasses say what is wrong
    """What a handler returned cannot be kept. The message says why."""


class ResultNotJson(UnusableResult):
    """The result holds something that JSON cannot hold, or would change."""


class ResultTooLarge(UnusableResult):
    """The result is over ``PYPELINE_RESULT_LIMIT``, and no result store is set; or over `MOST_KEPT`."""


class ResultNotKept(UnusableResult):
    """The result store did not take the result."""


class ResultNotAList(UnusableResult):
    """A ``forEach`` node maps over the result, and it is no list."""


class Keep(Protocol):
    """Keeps the JSON text of what is too large for the database. Raises ResultNotKept."""

    def __call__(self, text: str, part: int | None) -> str:
        """What stands for it in the database; ``part`` is its place in a list that is mapped over."""


def encode_result(value: object, *, handler: str, limit: int, keep: Keep | None = None) -> str:
    """
    The JSON text of a result, UTF-8, of at most ``limit`` bytes. The order of a dict is kept.

    Tuples become lists, and so do the results of ``forEach`` nodes. For a larger one this is what ``keep``
    answers. Raises UnusableResult.
    """
    return _encode(value, "result", handler, limit, keep)


def encode_elements(
    value: object, *, handler: str, mapped_by: Sequence[str], limit: int, keep: Keep | None = None
) -> tuple[str, ...]:
    """
    The JSON texts of a list that ``forEach`` nodes map over, each of at most ``limit`` bytes.

    For a larger one it is what ``keep`` answers. ``mapped_by`` names the nodes. Raises UnusableResult, also
    for anything but a list or tuple.
    """
    if not isinstance(value, (list, tuple, StoredSequence)):
        names = " and ".join(f"node {name!r}" for name in mapped_by)
        raise ResultNotAList(f"{handler} returned a {_type(value)}: the forEach of {names} needs a list")
    return tuple(
        _encode(element, f"result[{part}]", handler, limit, keep, part) for part, element in enumerate(value)
    )


class _FaultError(Exception):
    """What is wrong with a value, and the keys that lead to it, innermost first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.keys: list[str | int] = []


class _TooLargeError(Exception):
    """The value is larger than anybody wants to encode."""


def _encode(
    value: object, name: str, handler: str, limit: int, keep: Keep | None, part: int | None = None
) -> str:
    most = limit if keep is None else max(limit, MOST_KEPT)
    try:
        _Scan(most + _SLACK).value(value)
    except _FaultError as fault:
        place = name + _path(fault.keys)
        raise ResultNotJson(f"{handler} returned what JSON cannot hold: {place}: {fault.problem}") from None
    except _TooLargeError:
        raise _too_large(handler, name, f"over {most + _SLACK:,}", most, keep) from None
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=list)
    size = len(text) if text.isascii() else len(text.encode())
    if size <= limit:
        return text
    if keep is None or size > most:
        raise _too_large(handler, name, f"{size:,}", most, keep)
    return keep(text, part)


def _too_large(handler: str, name: str, size: str, most: int, keep: Keep | None) -> ResultTooLarge:
    remedy = "Store the data elsewhere and return a reference to it"
    if keep is None:
        remedy = (
            "Set PYPELINE_RESULT_STORE to a folder or URL that keeps larger ones, raise "
            "PYPELINE_RESULT_LIMIT, or store the data elsewhere and return a reference to it"
        )
    said = f"{handler} returned too much: {name} takes {size} bytes of JSON, the limit is {most:,}. "
    return ResultTooLarge(said + remedy)


class _Scan:
    """
    Looks through a value, once, for what JSON cannot hold.

    It comes before the encoder, which turns keys into strings without a word, names no place, and fills the
    memory where a small value holds the same list many times over. ``room`` is in bytes.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._open: set[int] = set()

    def value(self, value: object) -> None:
        if isinstance(value, str):
            self._text(value)
        elif isinstance(value, int):
            self._int(value)
        elif isinstance(value, float):
            self._float(value)
        elif isinstance(value, dict):
            self._keys(value)
            self._inside(value, value.items())
        elif isinstance(value, (list, tuple, StoredSequence)):
            self._inside(value, enumerate(value))
        elif value is not None:
            raise _FaultError(_type(value))
        self._take(1)

    def _text(self, text: str) -> None:
        self._take(len(text))
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                code = ord(text[error.start])
                raise _FaultError(
                    f"a string with the lone surrogate U+{code:04X}, which is no text"
                ) from None

    def _int(self, number: int) -> None:
        self._take(number.bit_length() // 4)
        if number.bit_length() > _INT_BITS:
            raise _FaultError("an int of more than 4,300 digits")

    def _float(self, number: float) -> None:
        if not isfinite(number):
            raise _FaultError(f"{float(number)} is no JSON number")

    def _keys(self, value: dict[Any, Any]) -> None:
        for key in value:
            if not isinstance(key, str):
                raise _FaultError(f"a key of type {_type(key)}; the keys of a JSON object are strings")
            self._text(key)

    def _inside(self, container: object, pairs: Iterable[tuple[Any, object]]) -> None:
        if id(container) in self._open:
            raise _FaultError(f"a {_type(container)} that holds itself")
        if len(self._open) == MAX_DEPTH:
            raise _FaultError(f"nested more than {MAX_DEPTH} deep")
        self._open.add(id(container))
        for key, child in pairs:
            try:
                self.value(child)
            except _FaultError as fault:
                fault.keys.append(key)
                raise
        self._open.discard(id(container))

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise _TooLargeError


def _type(value: object) -> str:
    return type(value).__name__


def _path(keys: list[str | int]) -> str:
    """Subscripts that lead to a value; the middle of a long way is left out."""
    steps = [f"[{key}]" if isinstance(key, int) else f"[{_quoted(key)}]" for key in reversed(keys)]
    if len(steps) > 2 * _KEYS_SHOWN:
        steps[_KEYS_SHOWN:-_KEYS_SHOWN] = ["…"]
    return "".join(steps)


def _quoted(key: str) -> str:
    return json.dumps(shortened(key, limit=80).replace("\n", " "), ensure_ascii=False)
