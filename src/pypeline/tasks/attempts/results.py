"""The results of a run as a handler sees them: read when asked for, streamed where they are kept in parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from reprlib import repr as brief_repr
from typing import TYPE_CHECKING, Any, Protocol, overload

from pypeline.results import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.results import ResultStore
    from pypeline.store.base import Store
    from pypeline.types import JsonValue

_SHOWN = 3


class ResultReader(Protocol):
    """The results of one run, by position: `pypeline.store.base.Store` with the run's id bound."""

    def result(self, position: int) -> str | None:
        """A result as JSON text; None where there is none, or where it is kept in parts."""

    def element_count(self, position: int) -> int | None:
        """How many parts a result has; None where it is not kept in parts."""

    def elements(self, position: int, start: int = 0, stop: int | None = None) -> Iterator[str | None]:
        """The JSON texts of the parts from ``start`` to ``stop``; None for a failed or skipped item."""


@dataclass(frozen=True, slots=True)
class StoredResults:
    """
    The `ResultReader` of one run in a store. What is kept in ``large`` is read from there.

    Raises ResultGone and ResultStoreUnavailable for that, and DatabaseUnavailable.
    """

    store: Store
    run_id: str
    large: ResultStore | None = None

    def result(self, position: int) -> str | None:
        """A result as JSON text; None where there is none, or where it is kept in parts."""
        text = self.store.result(self.run_id, position)
        return None if text is None else read_whole(text, self.large)

    def element_count(self, position: int) -> int | None:
        """How many parts a result has; None where it is not kept in parts."""
        return self.store.element_count(self.run_id, position)

    def elements(self, position: int, start: int = 0, stop: int | None = None) -> Iterator[str | None]:
        """The JSON texts of the parts from ``start`` to ``stop``; None for a failed or skipped item."""
        for text in self.store.elements(self.run_id, position, start, stop):
            yield None if text is None else read_whole(text, self.large)


def read_result(reader: ResultReader, position: int) -> Any:
    """
    A node's result as its handler returned it; None where it has none.

    A result that is kept in parts comes as a `StoredSequence`.
    """
    text = reader.result(position)
    if text is not None:
        return json.loads(text)
    count = reader.element_count(position)
    return None if count is None else StoredSequence(reader, position, range(count))


def decode(text: str | None) -> Any:
    """The value of a part; None stays None."""
    return None if text is None else json.loads(text)


class StoredSequence(Sequence["JsonValue"]):
    """
    The results of a ``forEach`` node in item order, read from the database as they are asked for.

    Iteration and slices read in constant memory; an index reads one element, each time. ``list(results)``
    holds them all. It equals the list of its elements.
    """

    __slots__ = ("_indices", "_position", "_reader")
    __hash__ = None  # type: ignore[assignment] # equal to lists, which have none

    def __init__(self, reader: ResultReader, position: int, indices: range) -> None:
        self._reader = reader
        self._position = position
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> JsonValue: ...
    @overload
    def __getitem__(self, index: slice) -> StoredSequence: ...
    def __getitem__(self, index: int | slice) -> JsonValue | StoredSequence:
        if isinstance(index, slice):
            return StoredSequence(self._reader, self._position, self._indices[index])
        return self._element(self._indices[index])

    def __iter__(self) -> Iterator[JsonValue]:
        indices = self._indices
        if indices.step < 0:
            return map(self._element, indices)
        texts = self._reader.elements(self._position, indices.start, max(indices.start, indices.stop))
        return map(decode, islice(texts, 0, None, indices.step))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, StoredSequence)):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    def __repr__(self) -> str:
        shown = ", ".join(map(brief_repr, self[:_SHOWN]))
        rest = f", … {len(self):,} in all" if len(self) > _SHOWN else ""
        return f"StoredSequence([{shown}{rest}])"

    def _element(self, index: int) -> JsonValue:
        for text in self._reader.elements(self._position, index, index + 1):
            return decode(text)  # type: ignore[no-any-return] # JSON text gives a JSON value
        raise IndexError(f"element {index} is no longer in the database")
