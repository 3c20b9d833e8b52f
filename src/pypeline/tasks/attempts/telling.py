"""What the log of a worker says of attempts that failed: Celery's own lines call each of them a success."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pypeline.runs.outcome import Failed

if TYPE_CHECKING:
    from pypeline.engine import Work
    from pypeline.runs.outcome import Outcome
    from pypeline.store.records import Recorded

logger = logging.getLogger(__name__)

_LONGEST = 300  # characters


def tell_failure(work: Work, outcome: Outcome, recorded: Recorded) -> None:
    """Log an attempt that was recorded as failed: a warning where another follows, else an error."""
    if not isinstance(outcome, Failed) or not recorded.accepted:
        return
    again = not outcome.final and recorded.finished is None and work.step.retry.allows(work.claim.tries + 1)
    ref, error = work.claim.ref, outcome.error
    logger.log(
        logging.WARNING if again else logging.ERROR,
        "run %s, node %s: attempt %s failed%s: %s: %s",
        ref.run_id,
        work.step.name if ref.item < 0 else f"{work.step.name}[{ref.item}]",
        ref.attempt,
        " and is tried again" if again else "",
        _one_line(error.type),
        _one_line(error.message),
    )
    if error.traceback:
        logger.debug("%s", error.traceback)


def _one_line(text: str) -> str:
    """The text without line breaks and whatever else moves a terminal, its end left out where it is long."""
    seen = "".join(char if char.isprintable() else " " for char in text[: 4 * _LONGEST])
    line = " ".join(seen.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
