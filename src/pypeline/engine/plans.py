"""What the engine remembers between attempts: the plans of definitions and the contexts of runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pypeline.runs.plan import Plan
    from pypeline.store.base import Store
    from pypeline.store.records import RunContext
    from pypeline.types import JsonObject

_PLANS_KEPT = 256
_CONTEXTS_KEPT = 4096


class PlanLoader(Protocol):
    """Compiles a stored definition."""

    def __call__(self, pipeline_id: str, document: JsonObject) -> Plan:
        """The plan of this definition."""


class Plans:
    """Plans by definition and contexts by run: both are immutable, so the database is asked once for each."""

    def __init__(self, store: Store, load: PlanLoader) -> None:
        self._store = store
        self._load = load
        self.context = lru_cache(_CONTEXTS_KEPT)(store.context)
        self._plan = lru_cache(_PLANS_KEPT)(self._compile)

    def of(self, context: RunContext) -> Plan:
        """The plan that a run started with, whatever the configuration says now."""
        return self._plan(context.pipeline_id, context.definition_id)

    def of_run(self, run_id: str) -> Plan:
        """The plan that a run started with. Raises UnknownRun."""
        context: RunContext = self.context(run_id)
        return self.of(context)

    def _compile(self, pipeline_id: str, definition_id: str) -> Plan:
        return self._load(pipeline_id, self._store.definition(definition_id))
