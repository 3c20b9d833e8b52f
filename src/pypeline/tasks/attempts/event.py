"""What a handler receives: the event, and the results of the nodes before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.store.records import NODE
from pypeline.tasks.attempts.results import decode, read_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.runs.plan import Step
    from pypeline.tasks.attempts.results import ResultReader
    from pypeline.types import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKeys:
    """What the run says of an attempt. ``item``: the index of the item or batch; `NODE`: the node itself."""

    pipeline_id: str
    execution_id: str
    task_id: str
    attempt: int
    payload: JsonObject
    item: int = NODE


class Upstream(Mapping[str, Any]):
    """
    The results of the direct predecessors, by node name.

    Each is read when it is first asked for, and kept for the attempt. Raises KeyError for any other name.
    """

    def __init__(self, node: str, positions: Mapping[str, int], reader: ResultReader) -> None:
        self._node = node
        self._positions = positions
        self._reader = reader
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._positions:
            known = ", ".join(self._positions) or "none"
            raise KeyError(f"{name!r} is no direct predecessor of node {self._node!r}; it has: {known}")
        if name not in self._read:
            self._read[name] = read_result(self._reader, self._positions[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def __repr__(self) -> str:
        return f"Upstream({', '.join(self)})"


class Event(dict[str, Any]):
    """A handler's event: a dict, with its predecessors' results in ``upstream``. Copies are plain dicts."""

    __slots__ = ("upstream",)

    def __init__(self, content: Mapping[str, Any], upstream: Upstream) -> None:
        super().__init__(content)
        self.upstream = upstream

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        # A pickle goes to other processes, where there is no store to read from.
        return dict, (dict(self),)


def build_event(
    step: Step, keys: EventKeys, *, defaults: Mapping[str, Any], reader: ResultReader
) -> dict[str, Any]:
    """
    The content of an event: the payload over the handler's defaults, and over both what the run says.

    In a ``forEach`` node it reads ``item`` (or ``items``) from the mapped list. Nothing in it is shared with
    ``defaults`` or the payload: a handler may change what it gets.
    """
    return {
        **copied(defaults),
        **copied(keys.payload),
        "pipeline_id": keys.pipeline_id,
        "execution_id": keys.execution_id,
        "task_id": keys.task_id,
        "node": step.name,
        "attempt": keys.attempt,
        "chain_payload": copied(keys.payload),
        **_share(step, keys.item, reader),
    }


def copied(value: Any) -> Any:
    """A deep copy of a JSON value, which a handler may change."""
    if isinstance(value, Mapping):
        return {key: copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [copied(child) for child in value]
    return value


def _share(step: Step, item: int, reader: ResultReader) -> dict[str, Any]:
    """What falls to this item or batch of a ``forEach`` node."""
    if item == NODE or step.for_each is None:
        return {}
    start = item * step.batch_size
    values = [decode(text) for text in reader.elements(step.for_each, start, start + step.batch_size)]
    if not values:
        raise LookupError(f"node {step.name!r} has no item {item}: the list that it maps over is shorter")
    return {"items": values, "index": item} if step.batch_size > 1 else {"item": values[0], "index": item}
