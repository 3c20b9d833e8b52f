"""
Every error that PypeLine raises, and the three verdicts that a handler may raise.

    PypelineError
    ├── MissingExtra             a feature whose optional dependencies are not installed
    ├── InvalidInput             what a caller gave is wrong; the message says what to do
    │   ├── InvalidConfiguration     sermos.yaml has faults (all of them in ``findings``)
    │   ├── ConfigurationNotFound    there is no sermos.yaml where it was looked for
    │   ├── InvalidSetting           an environment variable cannot be used
    │   ├── InvalidPayload           a run's payload is not a JSON object, or breaks its settings
    │   ├── UnknownPipeline
    │   ├── UnknownNode
    │   ├── UnknownTask              no service registers a handler of this path
    │   ├── UnknownRun
    │   ├── IdempotencyConflict      the same key came with another body
    │   ├── UnknownSchedule
    │   ├── ScheduleExists           a schedule of this id is there
    │   ├── InvalidSchedule          a schedule names no times, or nothing that could be started
    │   └── NotPossible              a run's state forbids what was asked
    ├── ListingFailed            the files of a bucket or folder cannot be listed
    │   ├── PlaceNotFound            there is no such bucket or folder
    │   ├── AccessRefused            the credentials or the user may not list it
    │   └── StorageUnavailable       the storage cannot be reached, or goes on failing
    ├── DatabaseUnavailable      the database cannot be reached
    ├── ResultStoreUnavailable   a large result cannot be written or read now
    ├── ResultGone               a large result is no longer where it was put
    ├── Unfireable               a schedule cannot be fired; it is switched off, the others go on
    ├── SchemaNotReady           the database is older or newer than this code can use
    ├── NotPublished             the broker did not take a task that nothing tracks: publish it again
    └── DispatchFailed           the broker did not take a message; the sweep sends it again

    Verdict
    ├── Fail                     the attempt failed and no other is made
    ├── Skip                     the node is skipped
    └── RetryLater               the attempt is made again, uncharged
"""

from __future__ import annotations

from difflib import get_close_matches
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class PypelineError(Exception):
    """Anything that PypeLine raises on purpose."""


class MissingExtra(PypelineError):  # noqa: N818 - names say what is wrong, as httpx's do
    """A feature was used whose optional dependencies are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(f"{feature} needs more packages: pip install 'pypeline[{extra}]'")

    @staticmethod
    def explains(error: ModuleNotFoundError) -> bool:
        """True where an extra may bring the module: no extra brings one of PypeLine's own."""
        return (error.name or "").partition(".")[0] != "pypeline"


class InvalidInput(PypelineError):  # noqa: N818
    """What the caller gave cannot be used as it is."""


class InvalidConfiguration(InvalidInput):
    """The configuration has faults; ``findings`` holds every one, in the order of the file."""

    def __init__(self, findings: Sequence[Any]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class ConfigurationNotFound(InvalidInput):
    """There is no configuration at the places where it was looked for."""

    def __init__(self, places: Iterable[object]) -> None:
        self.places = tuple(str(place) for place in places)
        super().__init__(
            f"no sermos.yaml at {', '.join(self.places)}: "
            "name it with --config, or set PYPELINE_CONFIG or SERMOS_CLIENT_PKG_NAME"
        )


class InvalidSetting(InvalidInput):
    """An environment variable holds something that cannot be used."""

    def __init__(self, variable: str, problem: str) -> None:
        self.variable = variable
        super().__init__(f"{variable}: {problem}")


class InvalidPayload(InvalidInput):
    """A run's payload is not what its pipeline takes."""


class UnknownPipeline(InvalidInput):
    """No pipeline of this name is configured."""

    def __init__(self, pipeline_id: str, known: Iterable[str] = ()) -> None:
        self.pipeline_id = pipeline_id
        names = ", ".join(sorted(known)) or "none"
        super().__init__(f"no pipeline {pipeline_id!r}; the configuration has: {names}")


class UnknownNode(InvalidInput):
    """The pipeline has no node of this name."""

    def __init__(self, pipeline_id: str, node: str, known: Sequence[str] = ()) -> None:
        self.pipeline_id = pipeline_id
        self.node = node
        shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")  # noqa: PLR2004
        super().__init__(f"pipeline {pipeline_id!r} has no node {node!r}; it has: {shown}")


class UnknownTask(InvalidInput):
    """No service of the configuration registers a handler of this path."""

    def __init__(self, task_path: str, known: Sequence[str] = ()) -> None:
        self.task_path = task_path
        close = get_close_matches(task_path, known, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "name it under registeredTasks of a service"
        super().__init__(f"no registered task {task_path!r}: {remedy}")


class UnknownRun(InvalidInput):
    """The database has no run of this id."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"no run {run_id!r}")


class IdempotencyConflict(InvalidInput):
    """An idempotency key was used again with another body."""

    def __init__(self, key: str, run_id: str) -> None:
        self.key = key
        self.run_id = run_id
        super().__init__(
            f"idempotency key {key!r} belongs to run {run_id} with another payload: use a new key"
        )


class UnknownSchedule(InvalidInput):
    """There is no schedule of this id."""

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(f"no schedule {schedule_id!r}")


class ScheduleExists(InvalidInput):
    """A schedule of this id is there already."""

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(f"there is a schedule {schedule_id!r} already: change that, or choose another id")


class InvalidSchedule(InvalidInput):
    """A schedule cannot be written down so; the message says why and what to do."""


class NotPossible(InvalidInput):
    """The state that a run is in forbids what was asked; ``needs_node`` where naming a node allows it."""

    def __init__(self, run_id: str, reason: str, *, needs_node: bool = False) -> None:
        self.run_id = run_id
        self.needs_node = needs_node
        super().__init__(f"run {run_id}: {reason}")


class ListingFailed(PypelineError):  # noqa: N818
    """The files of a bucket or folder cannot be listed; the message says why and what to do."""

    def __init__(self, place: str, problem: object) -> None:
        self.place = place
        super().__init__(f"{place}: {problem}")


class PlaceNotFound(ListingFailed):
    """There is no such bucket or folder."""


class AccessRefused(ListingFailed):
    """The credentials, or the user that this process runs as, may not list the place."""


class StorageUnavailable(ListingFailed):
    """The storage cannot be reached, or went on failing for as long as it was tried."""


class DatabaseUnavailable(PypelineError):  # noqa: N818
    """The database cannot be reached, or stayed locked."""

    def __init__(self, url: str, problem: object) -> None:
        self.url = url
        remedy = (
            "check that its folder exists and may be written"
            if url.startswith("sqlite")
            else "check PYPELINE_DATABASE_URL and that the server runs"
        )
        super().__init__(f"database {url}: {problem}; {remedy}")


class ResultStoreUnavailable(PypelineError):  # noqa: N818
    """The result store does not take or give a large result now; it may later."""

    def __init__(self, place: str, problem: object) -> None:
        self.place = place
        super().__init__(f"result store, {place}: {problem}; check PYPELINE_RESULT_STORE and what it names")


class ResultGone(PypelineError):  # noqa: N818
    """A large result is no longer where it was put; it can only be made anew."""

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        super().__init__(
            f"result store, {place}: {problem}; "
            "`pypeline retry RUN --from NODE` makes the result of a finished run anew"
        )


class Unfireable(PypelineError):  # noqa: N818
    """What a schedule starts cannot be stored; it is the scheduler's to switch it off."""

    def __init__(self, schedule_id: str, problem: object) -> None:
        self.schedule_id = schedule_id
        self.problem = str(problem)
        super().__init__(f"schedule {schedule_id!r}: {problem}")


class SchemaNotReady(PypelineError):  # noqa: N818
    """The database's schema and this code do not fit together."""


class NotPublished(PypelineError):  # noqa: N818
    """
    The broker did not take tasks that nothing tracks: publish them again.

    ``published`` has the ids of those that it did take. It may have taken others as well, where only its
    answer was lost.
    """

    def __init__(self, problem: object, published: Sequence[str] = ()) -> None:
        self.published = tuple(published)
        taken = f"{len(self.published)} tasks and no more" if self.published else "no task"
        super().__init__(f"the broker took {taken}: {problem}; publish the rest again once it answers")


class DispatchFailed(PypelineError):  # noqa: N818
    """The broker did not take a message now. Nothing is lost: the sweep sends it again."""


class Verdict(Exception):  # noqa: N818
    """What a handler raises to decide how its attempt ends."""


class Fail(Verdict):
    """Raise ``Fail(reason)`` to fail the node without another attempt."""


class Skip(Verdict):
    """Raise ``Skip(reason)`` to mark the node skipped: for what follows it is no failure."""


class RetryLater(Verdict):
    """
    Raise ``RetryLater(seconds)`` to be called again after that many seconds, at most 366 days.

    It is no failure: it does not count against ``maxRetry``. Raises ValueError for NaN.
    """

    def __init__(self, seconds: float, reason: str = "asked to be called later") -> None:
        if isnan(seconds):
            raise ValueError("RetryLater takes a number of seconds, not NaN")
        self.seconds = max(0.0, float(seconds))
        super().__init__(reason)
