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
    │   ├── UnknownRun
    │   ├── IdempotencyConflict      the same key came with another body
    │   └── NotPossible              a run's state forbids what was asked
    ├── DatabaseUnavailable      the database cannot be reached
    ├── SchemaNotReady           the database is older or newer than this code can use
    └── DispatchFailed           the broker did not take a message; the sweep sends it again

    Verdict
    ├── Fail                     the attempt failed and no other is made
    ├── Skip                     the node is skipped
    └── RetryLater               the attempt is made again, uncharged
"""

from __future__ import annotations

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


class UnknownRun(InvalidInput):
    """The database has no run of this id."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"no run {run_id!r}; `pypeline runs` lists them")


class IdempotencyConflict(InvalidInput):
    """An idempotency key was used again with another body."""

    def __init__(self, key: str, run_id: str) -> None:
        self.key = key
        self.run_id = run_id
        super().__init__(
            f"idempotency key {key!r} belongs to run {run_id} with another payload: use a new key"
        )


class NotPossible(InvalidInput):
    """The state that a run is in forbids what was asked."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id}: {reason}")


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


class SchemaNotReady(PypelineError):  # noqa: N818
    """The database's schema and this code do not fit together."""


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
