"""What `run` and `retry` have in common: what is to be run, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.cli.failures import ExitCode, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.bootstrap import System
    from pypeline.config import Config, Settings
    from pypeline.runs.plan import Plan


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for: ``timeout`` is in seconds, ``concurrency`` in handlers at once."""

    as_json: bool
    timeout: float | None
    concurrency: int | None
    no_wait: bool = False

    def check(self, settings: Settings) -> None:
        """Refuse what cannot be had, with or without a broker."""
        if self.no_wait and self.timeout is not None:
            raise Failure(
                "--timeout bounds the waiting, and --no-wait does not wait: leave one of them out "
                "(`deadline` in the configuration bounds the run itself)",
                ExitCode.BAD_INPUT,
            )
        if self.no_wait and settings.embedded:
            raise Failure(
                "--no-wait needs a broker: without one the run lives in this process and ends with it; "
                "leave --no-wait out",
                ExitCode.BAD_INPUT,
            )
        if self.concurrency is not None and not settings.embedded:
            raise Failure(
                "--concurrency is for runs inside this process; a broker is set, so its workers decide "
                "(`pypeline worker -c N`): leave --concurrency out",
                ExitCode.BAD_INPUT,
            )


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is to go on: ``begin`` starts it and answers its id. Without ``config`` workers have one."""

    system: System
    settings: Settings
    config: Config | None
    plan: Plan
    begin: Callable[[], str]
