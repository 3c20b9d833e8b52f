"""What callers may give, whichever door they come through: no database is asked for what it cannot hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pypeline.errors import InvalidInput, InvalidPayload, UnknownRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.runs.plan import Plan
    from pypeline.store.records import RunFilter

MOST_RUNS = 1000
"""Of one list."""

KEY_TEXT = r"[!-~]([ -~]{0,253}[!-~])?"
"""An idempotency key, which a header may have to carry."""


def require_run_id(run_id: str) -> None:
    """Raises UnknownRun for what is no id of any run."""
    if not _is_text(run_id):
        raise UnknownRun(run_id)


def require_filter(wanted: RunFilter) -> None:
    """Raises InvalidInput where no list of runs could be asked for so."""
    limit, pipeline_id = wanted.limit, wanted.pipeline_id
    if not _is_whole(limit) or not 1 <= limit <= MOST_RUNS:
        raise InvalidInput(f"limit: {limit!r} is no number of runs from 1 to {MOST_RUNS:,}")
    if pipeline_id is not None and not _is_text(pipeline_id):
        raise InvalidInput(f"pipeline: {pipeline_id!r} is no name of a pipeline; leave it out for all")


def require_key(key: str) -> None:
    """Raises InvalidInput where an idempotency key cannot be kept."""
    if not isinstance(key, str) or not re.fullmatch(KEY_TEXT, key):
        told = "write 1 to 255 printable characters of ASCII with no space at either end, or leave it out"
        raise InvalidInput(f"idempotency key: {told}")


def require_replacements(plan: Plan, replacements: Mapping[str, int]) -> None:
    """Raises UnknownNode, and InvalidPayload for an index that names no handler."""
    for name, index in replacements.items():
        handlers = plan.steps[plan.position(name)].handlers
        if not _is_whole(index) or not 0 <= index < len(handlers):
            raise InvalidPayload(
                f"task_replacements: {name} has handlers 0 to {len(handlers) - 1}, not {index!r}"
            )


def _is_whole(value: object) -> bool:
    """True for a whole number; to Python True is one, too."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    """True for a text that every database takes: PostgreSQL knows no NUL, and UTF-8 no lone surrogate."""
    return isinstance(value, str) and "\0" not in value and not re.search("[\ud800-\udfff]", value)
