"""Where a large result goes before its outcome is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.errors import ResultStoreUnavailable
from pypeline.store.records import NODE
from pypeline.tasks.attempts.encoding import ResultNotKept

if TYPE_CHECKING:
    from pypeline.results import ResultStore
    from pypeline.store.records import Claim


@dataclass(frozen=True, slots=True)
class Keeper:
    """
    Puts what an attempt returned into the result store, and answers what stands for it.

    The key has the token of the attempt: one that has lost its right to report overwrites nothing. An
    object whose outcome is never recorded stays until its run is pruned.
    """

    store: ResultStore
    claim: Claim

    def __call__(self, text: str, part: int | None) -> str:
        """What the database is to hold. Raises ResultNotKept."""
        try:
            return self.store.put(self._key(part), text).text
        except ResultStoreUnavailable as error:
            raise ResultNotKept(f"the result could not be kept: {error}") from error

    def _key(self, part: int | None) -> str:
        """``RUN/POSITION[-ITEM].ATTEMPT-TOKEN[.PART].json``; the run alone is the folder."""
        ref = self.claim.ref
        where = f"{ref.position}" if ref.item == NODE else f"{ref.position}-{ref.item}"
        share = "" if part is None else f".{part}"
        return f"{ref.run_id}/{where}.{ref.attempt}-{self.claim.token}{share}.json"
