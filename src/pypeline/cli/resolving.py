"""Runs by the beginning of their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.application.inputs import require_run_id
from pypeline.errors import InvalidInput, UnknownRun
from pypeline.store.records import RunFilter

if TYPE_CHECKING:
    from pypeline.application import Application

_ID_LENGTH = 36
_SHOWN = 3


def resolve(application: Application, text: str) -> str:
    """The id of the one run that begins so. Raises UnknownRun, and InvalidInput where several do."""
    require_run_id(text)
    if len(text) >= _ID_LENGTH:
        return application.run(text).run_id
    matching = [run.run_id for run in application.runs(RunFilter(prefix=text.lower(), limit=_SHOWN))]
    if not matching:
        raise UnknownRun(text)
    if len(matching) > 1:
        raise InvalidInput(f"{text!r} begins the ids of several runs: {', '.join(matching)} …")
    return matching[0]
