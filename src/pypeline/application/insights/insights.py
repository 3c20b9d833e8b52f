"""What users see of all their runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.insights.failures import LIMIT, WEEK, failures_document
from pypeline.application.insights.grid import grid_document
from pypeline.application.insights.metrics import collect_metrics
from pypeline.application.insights.nodes import happened_page, node_page
from pypeline.application.insights.overview import overview_document
from pypeline.application.insights.queues import queues_document
from pypeline.application.insights.sources import Sources
from pypeline.application.insights.strips import MOST_RUNS, pipelines_document
from pypeline.application.insights.workers import workers_document
from pypeline.application.large_results import DocumentReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.application.insights.metric import Metric
    from pypeline.config import Config, Settings
    from pypeline.engine import Engine
    from pypeline.errors import PypelineError
    from pypeline.results import ResultStore
    from pypeline.store.insights.records import AttemptPlace


class Insights:
    """
    Questions about the runs of one application, for pages and meters. Nothing is changed.

    Documents are JSON; times are UTC by the database's clock, durations are in seconds. Queues and workers
    are those of the broker of this process. ``config`` may be None: pipelines are then those that have runs.
    """

    def __init__(
        self, engine: Engine, config: Config | None, settings: Settings, *, large: ResultStore | None = None
    ) -> None:
        self._sources = Sources(engine, config, settings)
        self._large = large

    def overview(self) -> dict[str, Any]:
        """Is all well, and what needs somebody: figures, the last 24 hours, and what needs attention."""
        return overview_document(self._sources)

    def pipelines(self, *, limit: int = 100, after: str = "") -> dict[str, Any]:
        """A page of the pipelines by id, each with its last 30 runs; ``next`` is the id to go on after."""
        return pipelines_document(self._sources, limit=limit, after=after)

    def pipeline(self, pipeline_id: str, *, runs: int = MOST_RUNS) -> dict[str, Any]:
        """
        One pipeline: its last runs, at most 30, and each of its nodes in them.

        Raises UnknownPipeline where it is neither configured nor has a run.
        """
        return grid_document(self._sources, pipeline_id, runs=min(runs, MOST_RUNS))

    def queues(self) -> dict[str, Any]:
        """The queues, what waits in each, and how much the workers that read it can do at once."""
        return queues_document(self._sources.facts())

    def workers(self) -> dict[str, Any]:
        """The workers that were seen within a day, and how many attempts each runs."""
        return workers_document(self._sources.facts(), self._sources.store.insights.busy())

    def node(
        self,
        run_id: str,
        name: str,
        item: int | None = None,
        *,
        words: Callable[[PypelineError], str] = str,
    ) -> dict[str, Any]:
        """
        One node of a run, or one item of it, with its attempts and logs.

        ``words`` as in `DocumentReader`. Raises UnknownRun and UnknownNode.
        """
        reader = DocumentReader(self._large, words=words)
        return node_page(self._sources, run_id, name, item, reader=reader)

    def happened(
        self, run_id: str, *, limit: int = 100, before: AttemptPlace | None = None
    ) -> tuple[list[dict[str, Any]], AttemptPlace | None]:
        """
        The attempts of a run that failed or were lost, newest first, and ``before`` of the page that follows.

        That is None at the end. Raises UnknownRun.
        """
        return happened_page(self._sources, run_id, limit=limit, before=before)

    def failures(
        self, *, seconds: float = WEEK, limit: int = LIMIT, pipeline_id: str | None = None
    ) -> dict[str, Any]:
        """What failed in the runs of the last while and was not retried, alike failures in one group."""
        return failures_document(self._sources, seconds=seconds, limit=limit, pipeline_id=pipeline_id)

    def metrics(self) -> list[Metric]:
        """What a meter reads; each says in its help which span of time it is about."""
        return collect_metrics(self._sources)
