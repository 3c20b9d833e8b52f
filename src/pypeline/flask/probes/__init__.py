"""``/healthz``, ``/readyz`` and ``/metrics``: for those who watch over the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.flask.headers import protect
from pypeline.flask.probes.health import healthz, readyz
from pypeline.flask.probes.metrics import metrics
from pypeline.flask.problems import ProblemBlueprint

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.routing import Map

PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def probes_blueprint(*, besides: Map | None = None) -> Blueprint:
    """The three of them, at the root of an application; but for those that ``besides`` has already."""
    there = {rule.rule.rstrip("/") for rule in besides.iter_rules()} if besides is not None else set()
    blueprint = ProblemBlueprint("pypeline_probes", __name__)
    blueprint.after_request(protect)
    for rule, view in PROBES.items():
        if rule not in there:
            blueprint.add_url_rule(rule, view_func=view)
    return blueprint
