"""Results that are kept elsewhere, as a document holds them: whole as far as there is room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.errors import PypelineError, ResultGone
from pypeline.results import Reference, is_reference, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.results import ResultStore
    from pypeline.types import JsonObject, JsonValue

MOST_BYTES = 32 * 1024**2
"""How much one document reads from the result store."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A result that a document does not hold; ``error`` says why it could not be read, where it was tried."""

    reference: Reference
    error: str | None

    def document(self, index: int | None) -> JsonObject:
        """As JSON; ``index`` is its place in a list."""
        reference = self.reference
        return {"index": index, "key": reference.key, "bytes": reference.size, "error": self.error}


class DocumentReader:
    """
    Decodes the results of one document, in its order, until ``room`` bytes of large ones were read.

    Once the store does not answer, nothing more is asked of it. ``words`` says of an error what the reader
    of the document may know.
    """

    def __init__(
        self,
        large: ResultStore | None,
        *,
        room: int = MOST_BYTES,
        words: Callable[[PypelineError], str] = str,
    ) -> None:
        self._large = large
        self._room = room
        self._words = words
        self._problem: str | None = None

    def value(self, text: str | None) -> JsonValue | LeftOut:
        """The value of a stored text; never raises."""
        if text is None:
            return None
        if not is_reference(text):
            return _loaded(text)
        reference = Reference.of(text)
        if self._problem is not None or reference.size > self._room:
            return LeftOut(reference, self._problem)
        self._room -= reference.size
        try:
            return _loaded(read_whole(text, self._large))
        except ResultGone as error:
            return LeftOut(reference, self._words(error))
        except PypelineError as error:
            self._problem = self._words(error)
            return LeftOut(reference, self._problem)


def _loaded(text: str) -> JsonValue:
    value: JsonValue = json.loads(text)
    return value
