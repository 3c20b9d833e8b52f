"""What an examination of an installation finds: one check for each thing that was looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Level(StrEnum):
    """How bad it is: a problem stops runs, or loses something; a warning may."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Part(StrEnum):
    """What was looked at."""

    CONFIGURATION = "configuration"
    DATABASE = "database"
    BROKER = "broker"
    QUEUE = "queue"
    WORKER = "worker"
    SERVICE = "service"
    SCHEDULER = "scheduler"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``about`` names the queue, worker, service or schedule; ``remedy`` says what to do."""

    part: Part
    level: Level
    message: str
    about: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """All findings, with the queues, workers and schedulers as they are now."""

    checks: tuple[Check, ...]
    database_answers: bool
    queues: Sequence[Mapping[str, Any]] = ()
    workers: Sequence[Mapping[str, Any]] = ()
    schedulers: Sequence[Mapping[str, Any]] = ()

    @property
    def level(self) -> Level:
        """The worst of all."""
        found = {check.level for check in self.checks}
        return next((level for level in (Level.PROBLEM, Level.WARNING) if level in found), Level.OK)

    def problems(self, part: Part | None = None) -> list[Check]:
        """The problems, of one part where it is named."""
        return [check for check in self.checks if check.level is Level.PROBLEM and part in (None, check.part)]

    def document(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "level": self.level.value,
            "checks": [asdict(check) for check in self.checks],
            "queues": list(self.queues),
            "workers": list(self.workers),
            "schedulers": list(self.schedulers),
        }
