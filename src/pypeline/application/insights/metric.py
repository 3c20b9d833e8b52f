"""What a meter is told: values with names, as Prometheus takes them, but for the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LABELS = 1000
"""How many combinations of labels a metric has."""

OTHER = "other"
"""The label of what is summed up because there are too many."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, told from others of its metric by its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """
    Values of one kind. ``type`` is Prometheus's: all are gauges, since windows move on.

    ``help`` says what is counted, within which span of time.
    """

    name: str
    help: str
    samples: tuple[Sample, ...]
    type: str = "gauge"


def single(name: str, about: str, value: float) -> Metric:
    """A metric of one value."""
    return Metric(name, about, (Sample(value),))


def labelled(
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], float],
    *,
    most: int = MOST_LABELS,
) -> Metric:
    """
    A metric of the values of each combination of ``labels``, in their order.

    ``most`` bounds how many combinations there are; beyond them all labels are `OTHER`, and values are sums.
    """
    # By name, so that they are the same ones each time.
    kept = set(sorted(values)[: most if len(values) <= most else most - 1])
    found: dict[tuple[str, ...], float] = {}
    for key, value in values.items():
        shown = key if key in kept else (OTHER,) * len(labels)
        found[shown] = found.get(shown, 0) + value
    samples = (Sample(found[key], dict(zip(labels, key, strict=True))) for key in sorted(found))
    return Metric(name, about, tuple(samples))
