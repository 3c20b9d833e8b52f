"""Runs: lists of them, one with its nodes, cancelling and retrying."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pypeline.application.documents import run_document
from pypeline.flask.answers import Answer, versioned
from pypeline.flask.cursors import Cursors
from pypeline.flask.models.runs import (
    NodePage,
    NodesQuery,
    RetryBody,
    Run,
    RunPage,
    RunsQuery,
    RunSummary,
)
from pypeline.flask.models.values import Instant, Item, RowId, Text
from pypeline.flask.operations import Operations
from pypeline.flask.problems import told_of, unknown_nodes_are_not_found
from pypeline.store.records import RunFilter

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

runs = Operations("runs")

_RUNS = Cursors[tuple[datetime, str]]("runs", tuple[Instant, Text])
_NODES = Cursors[tuple[int, int]]("nodes", tuple[RowId, Item])
_UNKNOWN = (HTTPStatus.NOT_FOUND,)


@runs.get("/runs", query=RunsQuery, answers={HTTPStatus.OK: RunPage, HTTPStatus.NOT_MODIFIED: None})
def list_runs(here: Installation, query: RunsQuery) -> Answer:
    """Runs, newest first."""
    application, wanted = here.application, _filter(query)

    def make() -> dict[str, Any]:
        page, last = application.runs_page(wanted)
        return {"runs": [run_document(run) for run in page], "next": _RUNS.of(last)}

    return versioned(here.bodies, application.runs_version(wanted), make)


@runs.get(
    "/runs/<execution_id>",
    answers={HTTPStatus.OK: Run, HTTPStatus.NOT_MODIFIED: None},
    problems=_UNKNOWN,
)
def get_run(here: Installation, execution_id: str) -> Answer:
    """A run with its first 1,000 nodes and items."""
    version = here.application.version(execution_id)
    return versioned(
        here.bodies,
        version,
        lambda: here.application.document(execution_id, words=told_of),
        is_whole=_is_whole,
    )


@runs.get(
    "/runs/<execution_id>/nodes",
    query=NodesQuery,
    answers={HTTPStatus.OK: NodePage, HTTPStatus.NOT_MODIFIED: None},
    problems=_UNKNOWN,
)
def list_nodes(here: Installation, execution_id: str, query: NodesQuery) -> Answer:
    """The nodes and items of a run, in the order of the graph."""
    after = _NODES.key(query.cursor)

    def make() -> dict[str, Any]:
        nodes, last = here.application.nodes_documents(
            execution_id,
            limit=query.limit,
            after=after,
            node=query.node,
            state=query.state,
            words=told_of,
        )
        return {"nodes": nodes, "next": _NODES.of(last)}

    with unknown_nodes_are_not_found():
        return versioned(here.bodies, here.application.version(execution_id), make, is_whole=_is_whole)


@runs.change(
    "POST",
    "/runs/<execution_id>/cancel",
    action="run.cancel",
    answers={HTTPStatus.ACCEPTED: RunSummary},
    problems=_UNKNOWN,
)
def cancel_run(here: Installation, execution_id: str) -> Answer:
    """Cancel a run: what waits ends at once, what runs is told. One that has ended is left as it is."""
    here.application.cancel(execution_id)
    return Answer(run_document(here.application.run(execution_id)), HTTPStatus.ACCEPTED)


@runs.change(
    "POST",
    "/runs/<execution_id>/retry",
    action="run.retry",
    body=RetryBody,
    answers={HTTPStatus.ACCEPTED: RunSummary},
    problems=(*_UNKNOWN, HTTPStatus.CONFLICT),
)
def retry_run(here: Installation, execution_id: str, body: RetryBody) -> Answer:
    """Do again what did not succeed; results of the rest are kept."""
    here.link.staff(here.application.plan(execution_id))
    here.application.retry(execution_id, from_node=body.from_node)
    return Answer(run_document(here.application.run(execution_id)), HTTPStatus.ACCEPTED)


def _is_whole(document: dict[str, Any]) -> bool:
    """False where a result that is kept elsewhere was left out: perhaps it can be read later."""
    return not any("result_refs" in node for node in document["nodes"])


def _filter(query: RunsQuery) -> RunFilter:
    at, run_id = _RUNS.key(query.cursor) or (None, None)
    return RunFilter(
        pipeline_id=query.pipeline,
        states=frozenset() if query.state is None else frozenset({query.state}),
        trigger=query.trigger,
        created_from=query.since,
        created_before=query.until,
        limit=query.limit,
        after=run_id,
        after_at=at,
    )
