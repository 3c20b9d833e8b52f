"""What pages show of all runs at once, and of one node in depth."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pypeline.flask.answers import Answer
from pypeline.flask.cursors import Cursors
from pypeline.flask.models.insights import (
    Failures,
    FailuresQuery,
    Grid,
    GridQuery,
    Happened,
    HappenedQuery,
    NodeDetails,
    NodeQuery,
    Overview,
    Queues,
    StripPage,
    StripsQuery,
    Workers,
)
from pypeline.flask.models.values import Instant, Item, RowId, Text
from pypeline.flask.operations import Operations
from pypeline.flask.problems import told_of, unknown_nodes_are_not_found
from pypeline.store.insights.records import AttemptPlace

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

insights = Operations("insights")

_CURSORS = Cursors[str]("strips", Text)
_ATTEMPTS = Cursors[AttemptPlace]("attempts", tuple[Instant, RowId, Item, RowId])
_UNKNOWN = (HTTPStatus.NOT_FOUND,)


@insights.get("/overview", answers={HTTPStatus.OK: Overview})
def get_overview(here: Installation) -> Answer:
    """Is all well, and what needs somebody."""
    return Answer(here.application.insights.overview())


@insights.get("/overview/pipelines", query=StripsQuery, answers={HTTPStatus.OK: StripPage})
def list_strips(here: Installation, query: StripsQuery) -> Answer:
    """Each pipeline with its last 30 runs."""
    after = _CURSORS.key(query.cursor) or ""
    document = here.application.insights.pipelines(limit=query.limit, after=after)
    return Answer({**document, "next": _CURSORS.of(document["next"])})


@insights.get(
    "/pipelines/<pipeline_id>/grid", query=GridQuery, answers={HTTPStatus.OK: Grid}, problems=_UNKNOWN
)
def get_grid(here: Installation, pipeline_id: str, query: GridQuery) -> Answer:
    """A pipeline's last runs, and each of its nodes in them."""
    return Answer(here.application.insights.pipeline(pipeline_id, runs=query.runs))


@insights.get(
    "/runs/<execution_id>/nodes/<node>",
    query=NodeQuery,
    answers={HTTPStatus.OK: NodeDetails},
    problems=_UNKNOWN,
)
def get_node(here: Installation, execution_id: str, node: str, query: NodeQuery) -> Answer:
    """One node of a run, or one of its items, with its attempts and logs."""
    with unknown_nodes_are_not_found():
        return Answer(here.application.insights.node(execution_id, node, query.index, words=told_of))


@insights.get(
    "/runs/<execution_id>/happened",
    query=HappenedQuery,
    answers={HTTPStatus.OK: Happened},
    problems=_UNKNOWN,
)
def list_happened(here: Installation, execution_id: str, query: HappenedQuery) -> Answer:
    """The attempts of a run that failed or were lost, newest first."""
    before = _ATTEMPTS.key(query.cursor)
    found, last = here.application.insights.happened(execution_id, limit=query.limit, before=before)
    return Answer({"execution_id": execution_id, "happened": found, "next": _ATTEMPTS.of(last)})


@insights.get("/queues", answers={HTTPStatus.OK: Queues})
def list_queues(here: Installation) -> Answer:
    """The queues, what waits in each, and who reads it."""
    return Answer(here.application.insights.queues())


@insights.get("/workers", answers={HTTPStatus.OK: Workers})
def list_workers(here: Installation) -> Answer:
    """The workers that were seen within a day."""
    return Answer(here.application.insights.workers())


@insights.get("/failures", query=FailuresQuery, answers={HTTPStatus.OK: Failures})
def list_failures(here: Installation, query: FailuresQuery) -> Answer:
    """What failed and was not done again since, alike failures in one group."""
    return Answer(here.application.insights.failures(seconds=query.seconds, pipeline_id=query.pipeline))
