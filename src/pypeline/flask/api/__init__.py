"""The REST API: a blueprint of thin views, one module for each subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.flask.api.audit import audit
from pypeline.flask.api.insights import insights
from pypeline.flask.api.pipelines import pipelines
from pypeline.flask.api.runs import runs
from pypeline.flask.api.schedules import schedules
from pypeline.flask.api.tasks import tasks
from pypeline.flask.docs_page import add_docs
from pypeline.flask.endpoint import endpoint
from pypeline.flask.headers import protect
from pypeline.flask.problems import ProblemBlueprint

if TYPE_CHECKING:
    from flask import Blueprint

OPERATIONS = (*pipelines, *runs, *schedules, *tasks, *audit, *insights)


def api_blueprint(url_prefix: str) -> Blueprint:
    """The API beneath a path, for one application. Raises ValueError for what is no fixed path."""
    _require_path(url_prefix)
    blueprint = ProblemBlueprint("pypeline_api", __name__, url_prefix=url_prefix.rstrip("/"))
    blueprint.after_request(protect)
    for operation in OPERATIONS:
        blueprint.add_url_rule(
            operation.rule,
            operation.name,
            endpoint(operation),
            methods=[operation.method],
            strict_slashes=False,
        )
    add_docs(blueprint, OPERATIONS)
    return blueprint


def _require_path(url_prefix: str) -> None:
    if url_prefix and not url_prefix.startswith("/"):
        raise ValueError(f"url_prefix {url_prefix!r} is no path: write {'/' + url_prefix!r}")
    if "<" in url_prefix:
        raise ValueError(f"url_prefix {url_prefix!r} has a variable part: write a fixed path, as '/jobs/api'")
