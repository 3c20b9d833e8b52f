"""The figures of each fault, as they are printed in the end."""

from __future__ import annotations

from dataclasses import dataclass

_HEAD = ("fault", "runs", "nodes", "attempts", "duplicates", "recovery s", "bound s")


@dataclass(frozen=True, slots=True)
class Row:
    """
    What one fault did. ``recovery`` and ``bound`` are in seconds; None where nothing had to recover.

    ``nodes`` counts items too; ``attempts`` is how often a handler was really called.
    """

    fault: str
    runs: int
    nodes: int
    attempts: int
    duplicates: int
    recovery: float | None
    bound: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """Its text, column by column."""
        counts = (self.runs, self.nodes, self.attempts, self.duplicates)
        return (self.fault, *map(str, counts), _seconds(self.recovery), _seconds(self.bound))


def as_markdown(rows: list[Row]) -> str:
    """The table, its columns padded so that it is one in a terminal too."""
    lines = [_HEAD, *(row.cells for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    texts = [_padded(_HEAD, widths), rule, *(_padded(row.cells, widths) for row in rows)]
    return "".join(f"| {' | '.join(text)} |\n" for text in texts)


def _padded(cells: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
