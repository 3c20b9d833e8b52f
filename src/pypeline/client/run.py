"""A run, as a Python program holds it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from pypeline.errors import InvalidInput, NotPossible

if TYPE_CHECKING:
    from pypeline.bootstrap import Link
    from pypeline.runs.states import RunState
    from pypeline.types import JsonValue

_LONGEST_WAIT = 2.0
"""Seconds after which a run that goes on is looked at: does its process live?"""


class Run:
    """
    One run. Each question asks the database; nothing is remembered but the id.

    Runs are equal where their ids are.
    """

    def __init__(self, link: Link, run_id: str) -> None:
        self._link = link
        self._id = run_id

    @property
    def id(self) -> str:
        """The id, as `execution_id` elsewhere."""
        return self._id

    @property
    def state(self) -> RunState:
        """The state now: a text, one of pending, running, success, failed and cancelled."""
        return self._link.application.state(self._id)

    @property
    def results(self) -> dict[str, JsonValue]:
        """
        The final nodes with their results, None for one that has none, or none yet.

        That of a `forEach` node is the list of its items' results.
        """
        return self._link.application.results(self._id)

    @property
    def error(self) -> str | None:
        """Why the run failed; None where it did not."""
        return self._link.application.run(self._id).error

    def wait(self, timeout: float | None = None) -> RunState:
        """
        The state of the run once it has ended, however that was.

        Raises TimeoutError after ``timeout`` seconds, and the run goes on; raises NotPossible where the
        process that ran it is gone, and InvalidInput for what is no number.
        """
        end = math.inf if timeout is None else _end_of(timeout)
        application = self._link.application
        while True:
            left = min(_LONGEST_WAIT, max(0.0, end - time.monotonic()))
            state = application.wait(self._id, timeout=left)
            if state.is_terminal:
                return state
            if application.is_orphan(application.run(self._id)):
                raise NotPossible(self._id, "the process that ran it is gone: `retry` takes it over")
            if time.monotonic() >= end:
                raise TimeoutError(f"run {self._id} is {state} after {timeout:g} s; it goes on")

    def cancel(self) -> RunState:
        """End the run: what waits is cancelled at once, what runs is told. Answers the state after that."""
        return self._link.application.cancel(self._id)

    def retry(self, from_node: str | None = None) -> None:
        """
        Do again what did not succeed, and everything from ``from_node`` on; what succeeded is kept.

        Raises NotPossible for one that is still going, UnknownNode, and InvalidInput where no broker is set
        and a handler cannot be used.
        """
        self._link.staff(self._link.application.plan(self._id))
        self._link.application.retry(self._id, from_node=from_node)

    def document(self) -> dict[str, Any]:
        """The run with its nodes, their results and errors: what `pypeline show --json` prints."""
        return self._link.application.document(self._id)

    def __repr__(self) -> str:
        return f"<pypeline.Run {self._id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.id == self._id

    def __hash__(self) -> int:
        return hash(self._id)


def _end_of(timeout: float) -> float:
    """When so many seconds have passed."""
    try:
        end = time.monotonic() + timeout
    except (TypeError, OverflowError):
        end = math.nan
    if math.isnan(end):
        raise InvalidInput(f"timeout: {timeout!r} is no number of seconds; None sets no end")
    return end
