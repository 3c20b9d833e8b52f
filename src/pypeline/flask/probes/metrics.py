"""What a Prometheus server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pypeline.flask.access import Role
from pypeline.flask.installation import installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypeline.application.insights.metric import Metric


def metrics() -> Response:
    """Figures of runs, nodes, queues, workers and schedules, for Prometheus. Needs the role `reader`."""
    here = installation()
    here.gate.admit(Role.READER)
    # Not the registry of the process: that is the application's own, and its figures are of one process only.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(here.application.insights.metrics()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})


class _Measured(Collector):
    """What the database said a moment ago: all of it may rise and fall."""

    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for metric in self._found:
            family = GaugeMetricFamily(metric.name, metric.help)
            for sample in metric.samples:
                family.add_sample(metric.name, dict(sample.labels), sample.value)
            yield family
