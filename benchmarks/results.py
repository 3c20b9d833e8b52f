"""What was measured, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shapes import Shape


@dataclass(frozen=True, slots=True)
class Measurement:
    """Of one shape on one system: seconds to the end, seconds of CPU and peak bytes of its worker."""

    makespan: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of the rounds. ``remark`` says why there are none."""

    broker: str
    shape: str
    nodes: int
    system: str
    rounds: int = 0
    makespan: float | None = None
    node_ms: float | None = None
    to_bare: float | None = None
    to_canvas: float | None = None
    cpu_ms: float | None = None
    message_bytes: int | None = None
    memory_mb: float | None = None
    remark: str = ""


def row(  # noqa: PLR0913
    broker: str,
    shape: Shape,
    system: str,
    rounds: Mapping[int, Measurement],
    *,
    bare: Mapping[int, Measurement],
    canvas: Mapping[int, Measurement],
    message_bytes: int,
) -> Row:
    """One system: the medians of its rounds but round 0, and its ratio to the others in the same round."""
    counted = {number: one for number, one in rounds.items() if number} or rounds
    measured = list(counted.values())
    return Row(
        broker=broker,
        shape=shape.name,
        nodes=shape.nodes,
        system=system,
        rounds=len(measured),
        makespan=median(one.makespan for one in measured),
        node_ms=1000 * median(one.makespan for one in measured) / shape.nodes,
        to_bare=ratio(counted, bare),
        to_canvas=ratio(counted, canvas),
        cpu_ms=1000 * median(one.cpu for one in measured) / shape.nodes,
        message_bytes=message_bytes,
        memory_mb=max(one.memory for one in measured) / 2**20,
    )


def ratio(ours: Mapping[int, Measurement], theirs: Mapping[int, Measurement]) -> float | None:
    """The median of the ratios within a round; that of the medians where they have no round in common."""
    if not ours or not theirs:
        return None
    common = ours.keys() & theirs.keys()
    if common:
        return median(ours[number].makespan / theirs[number].makespan for number in common)
    return _median(ours) / _median(theirs)


def table(rows: Iterable[Row]) -> str:
    """The rows for people."""
    return "\n".join(_lines([HEADER, *map(cells, rows)]))


def markdown(rows: Iterable[Row]) -> str:
    """The rows for a page."""
    rule = ["---", "---", "---", *(["---:"] * (len(HEADER) - 3))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [HEADER, rule, *map(cells, rows)])


HEADER = [
    *("broker", "shape", "system", "makespan s", "ms/node", "to bare", "to canvas"),
    *("CPU ms/node", "message bytes", "memory MB"),
]


def cells(row: Row) -> list[str]:
    """What a table shows of a row."""
    return [
        row.broker,
        row.shape,
        row.system,
        row.remark or _number(row.makespan, 2 if (row.makespan or 0) >= 1 else 3),
        _number(row.node_ms, 2),
        _number(row.to_bare, 2),
        _number(row.to_canvas, 2),
        _number(row.cpu_ms, 2),
        "" if row.message_bytes is None else f"{row.message_bytes:,}",
        _number(row.memory_mb, 0),
    ]


def growth(rows: Iterable[Row]) -> list[str]:
    """How much more a node costs in a fan ten times as large."""
    fans: dict[tuple[str, str], list[Row]] = {}
    for one in rows:
        if one.shape.startswith("fan") and one.node_ms is not None:
            fans.setdefault((one.broker, one.system), []).append(one)
    return [
        f"{system} on {broker}: a node of {large.shape} takes {large.node_ms / small.node_ms:.2f} "
        f"of the time of one of {small.shape}"
        for (broker, system), (small, *rest) in fans.items()
        for large in rest
        if large.node_ms and small.node_ms
    ]


def _median(rounds: Mapping[int, Measurement]) -> float:
    return median(one.makespan for one in rounds.values())


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _lines(table: list[list[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADER))]
    return [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)  # noqa: PLR2004 - words, then numbers
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
