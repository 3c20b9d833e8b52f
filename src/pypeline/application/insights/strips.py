"""The pipelines, each with its last runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pypeline.application.insights.words import seconds_number, success_share, usual_seconds
from pypeline.runs.states import RunState
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pypeline.application.insights.sources import Sources
    from pypeline.store.insights.records import RunBrief

MOST_RUNS = 30
"""How many runs a strip has."""


def pipelines_document(sources: Sources, *, limit: int, after: str) -> dict[str, Any]:
    """A page of the pipelines that are configured, or have runs; ``next`` is the id to go on after."""
    names = known_pipelines(sources, limit=limit + 1, after=after)
    shown = names[:limit]
    runs = sources.store.insights.last_runs(shown, limit=MOST_RUNS)
    due = sources.store.insights.next_due()
    return {
        "pipelines": [strip_document(sources, name, runs[name], due.get(name)) for name in shown],
        "next": shown[-1] if len(names) > limit else None,
    }


def known_pipelines(sources: Sources, *, limit: int, after: str = "") -> list[str]:
    """The first of them by id: those of the configuration, and those that there are runs of."""
    configured = () if sources.config is None else sources.config.pipelines
    known = sources.store.insights.pipeline_ids(limit=limit, after=after)
    return sorted({*known, *(name for name in configured if name > after)})[:limit]


def strip_document(
    sources: Sources, pipeline_id: str, runs: Sequence[RunBrief], next_at: datetime | None
) -> dict[str, Any]:
    """A pipeline with its last runs, newest first; shares and times are those of these runs."""
    model = None if sources.config is None else sources.config.pipelines.get(pipeline_id)
    counts = Counter(run.state for run in runs)
    successful = (run.seconds for run in runs if run.state is RunState.SUCCESS)
    return {
        "pipeline_id": pipeline_id,
        "configured": model is not None,
        "description": None if model is None else model.description,
        "runs": [_run(run, before) for run, before in zip(runs, [*runs[1:], None], strict=False)],
        "counts": {state.value: counts[state] for state in RunState},
        "success_share": success_share(counts),
        "usual_seconds": usual_seconds(successful),
        "next_at": time_text(next_at),
    }


def _run(run: RunBrief, before: RunBrief | None) -> dict[str, Any]:
    return {
        "execution_id": run.run_id,
        "state": run.state.value,
        "trigger": run.trigger,
        "created_at": time_text(run.created_at),
        "started_at": time_text(run.started_at),
        "finished_at": time_text(run.finished_at),
        "seconds": seconds_number(run.seconds),
        "definition_id": run.definition_id,
        "definition_changed": before is not None and before.definition_id != run.definition_id,
        "error": run.error,
    }
