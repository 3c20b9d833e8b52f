"""Pipelines: what is defined, how a run of one is started, and what it came to."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request

from pypeline.application.pipelines import pipeline_document, pipeline_summaries
from pypeline.flask.answers import Answer, accepted
from pypeline.flask.cursors import Cursors
from pypeline.flask.models.common import Page
from pypeline.flask.models.pipelines import Pipeline, PipelinePage
from pypeline.flask.models.runs import InvokeBody, Invoked, Results
from pypeline.flask.models.values import Text
from pypeline.flask.operations import Operations
from pypeline.flask.reading import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

pipelines = Operations("pipelines")

_CURSORS = Cursors[str]("pipelines", Text)
_LOOK_AGAIN = {"Retry-After": "1"}  # seconds
_TRIGGER = "api"


@pipelines.get("/pipelines", query=Page, answers={HTTPStatus.OK: PipelinePage})
def list_pipelines(here: Installation, query: Page) -> Answer:
    """The pipelines of the configuration, by id."""
    after = _CURSORS.key(query.cursor) or ""
    found = pipeline_summaries(here.link.config(), limit=query.limit + 1, after=after)
    page, following = _CURSORS.page(found, query.limit, lambda one: str(one["pipeline_id"]))
    return Answer({"pipelines": page, "next": following})


@pipelines.get(
    "/pipelines/<pipeline_id>", answers={HTTPStatus.OK: Pipeline}, problems=(HTTPStatus.NOT_FOUND,)
)
def get_pipeline(here: Installation, pipeline_id: str) -> Answer:
    """One pipeline, with its definition."""
    return Answer(pipeline_document(here.link.config(), pipeline_id))


@pipelines.change(
    "POST",
    "/pipelines/invoke/<pipeline_id>",
    action="run.invoke",
    body=InvokeBody,
    answers={HTTPStatus.ACCEPTED: Invoked},
    problems=(HTTPStatus.NOT_FOUND,),
    location="the run",
    headers={
        IDEMPOTENCY_KEY: "The same key starts one run, however often it is sent; another body is refused."
    },
)
def invoke_pipeline(here: Installation, pipeline_id: str, body: InvokeBody) -> Answer:
    """Start a run. It is stored when this answers, also where the broker is away."""
    application = here.application
    here.link.staff(here.link.config().plan(pipeline_id))
    run_id = application.invoke(
        pipeline_id,
        body.chain_payload,
        trigger=_TRIGGER,
        idempotency_key=request.headers.get(IDEMPOTENCY_KEY),
        task_replacements=body.task_replacements,
    )
    return accepted(run_id, pipeline_id=pipeline_id, status="pending")


@pipelines.get(
    "/pipelines/results/<execution_id>",
    answers={HTTPStatus.OK: Results, HTTPStatus.ACCEPTED: Results},
    problems=(HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
)
def get_results(here: Installation, execution_id: str) -> Answer:
    """What a run came to: 200 once it has ended, 202 while it goes on."""
    document = here.application.results_document(execution_id)
    is_open = document["status"] == "pending"
    return Answer(document, HTTPStatus.ACCEPTED, _LOOK_AGAIN) if is_open else Answer(document)
