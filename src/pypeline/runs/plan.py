"""What a run executes: the steps of one pipeline definition, ready for the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pypeline.errors import UnknownNode
from pypeline.runs.retries import RetryPolicy
from pypeline.runs.rules import TriggerRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.graph import Dag
    from pypeline.runs.listing import Listing
    from pypeline.types import JsonObject

DEFAULT_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """
    One node as its definition says.

    ``handlers`` are dotted paths, of which a run takes one (0 unless it says otherwise). ``max_ttl`` is in
    seconds. ``for_each`` is the position of the predecessor whose list is mapped; ``window`` bounds the
    items that are out at once. ``listing`` is what a node without a function of the user's lists.
    """

    name: str
    handlers: tuple[str, ...]
    queue: str
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_ttl: float | None = None
    rule: TriggerRule = TriggerRule.ALL_SUCCESS
    for_each: int | None = None
    batch_size: int = 1
    window: int = DEFAULT_WINDOW
    listing: Listing | None = None


@dataclass(frozen=True)
class Plan:
    """
    A pipeline definition, compiled. ``steps`` stand at the positions of ``dag``.

    ``document`` is the definition as written, ``${…}`` unexpanded: what the database keeps;
    ``definition_id`` is its hash. ``deadline`` is in seconds from the creation of a run.
    ``max_concurrency`` bounds the nodes of one run that are queued or running.
    """

    pipeline_id: str
    definition_id: str
    document: JsonObject
    dag: Dag
    steps: tuple[Step, ...]
    deadline: float | None = None
    max_concurrency: int | None = None

    @cached_property
    def map_sources(self) -> dict[int, tuple[str, ...]]:
        """Positions whose result is a list, with the names of the ``forEach`` nodes that map over it."""
        sources: dict[int, tuple[str, ...]] = {}
        for step in self.steps:
            if step.for_each is not None:
                sources[step.for_each] = (*sources.get(step.for_each, ()), step.name)
        return sources

    @cached_property
    def sinks(self) -> tuple[int, ...]:
        """Positions that nothing follows."""
        return tuple(position for position, following in enumerate(self.dag.successors) if not following)

    @cached_property
    def queues(self) -> frozenset[str]:
        """The queues that its nodes use."""
        return frozenset(step.queue for step in self.steps)

    def position(self, name: str) -> int:
        """Where a node stands. Raises UnknownNode."""
        if name not in self.dag.positions:
            raise UnknownNode(self.pipeline_id, name, self.dag.names)
        return self.dag.positions[name]

    def handler(self, position: int, replacements: Mapping[str, int]) -> str:
        """The dotted path that this run calls at this position."""
        step = self.steps[position]
        return step.handlers[replacements.get(step.name, 0)]
