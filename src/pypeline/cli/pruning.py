"""How retention is followed: a line now and then, and what is gone in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from pypeline.application.retention import Pruned
from pypeline.cli.failures import ExitCode
from pypeline.cli.interrupts import Left
from pypeline.cli.words import counted, exactly

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.application.retention import Retention
    from pypeline.cli.interrupts import Interrupts

_EVERY = 1.0  # seconds between two lines


def follow(retention: Retention, before: datetime, heard: Interrupts) -> str:
    """
    Delete what is old, with lines on stderr meanwhile; answers what is gone, in a sentence.

    Ctrl-C raises `Left` as soon as what is being deleted is gone, a second one at once.
    """
    total, said = retention.old(before).runs, time.monotonic()
    gone = Pruned()
    for gone in retention.prune(before):
        if time.monotonic() >= said + _EVERY:
            said = time.monotonic()
            click.echo(f"{gone.runs:,} of {counted(max(total, gone.runs), 'run')} deleted", err=True)
        if heard.asked:
            raise Left(ExitCode.INTERRUPTED)
    return _sentence(gone, before)


def _sentence(gone: Pruned, before: datetime) -> str:
    said = f"Deleted {counted(gone.runs, 'run')} that ended before {exactly(before)}"
    others = (
        (gone.occurrences, "occurrence"),
        (gone.definitions, "unused definition"),
        (gone.silent, "silent worker"),
    )
    more = [counted(number, word) for number, word in others if number]
    return f"{said}; {', '.join(more)}." if more else f"{said}."
