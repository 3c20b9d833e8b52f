"""Text in columns, a line a row, that fits the width it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GAP = "  "
_LEAST = 12  # cells that names keep
_FEW = 5


def aligned(
    header: Sequence[str],
    rows: Sequence[Sequence[Text | str]],
    *,
    width: int,
    right: frozenset[int] = frozenset(),
    elastic: Sequence[int] = (),
    fixed: Mapping[int, int] | None = None,
) -> Text:
    """
    The rows beneath their header (none where it has no words), joined by newlines.

    Columns in ``right`` are aligned to the right. Where the terminal is too narrow the ``elastic`` ones
    shrink, the first of them first: the last column to nothing, others to a dozen characters. ``fixed`` gives
    a column a width whatever it holds.
    """
    head = [[Text(word, "dim") for word in header]] if any(header) else []
    texts = [[Text(cell) if isinstance(cell, str) else cell.copy() for cell in row] for row in rows]
    table = [*head, *texts]
    widths = [max((row[at].cell_len for row in table), default=0) for at in range(len(header))]
    widths = [(fixed or {}).get(at, natural) for at, natural in enumerate(widths)]
    _shrink(widths, width, elastic)
    return Text("\n").join(_line(row, widths, right) for row in table)


def _shrink(widths: list[int], width: int, elastic: Sequence[int]) -> None:
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    for at in elastic:
        if over > 0:
            least = 0 if at == len(widths) - 1 else _LEAST
            spare = min(over, max(0, widths[at] - least))
            widths[at] -= spare
            # A few characters of a sentence say nothing.
            widths[at] = widths[at] if widths[at] >= _FEW or not spare else 0
            over -= spare


def _line(row: Sequence[Text], widths: Sequence[int], right: frozenset[int]) -> Text:
    shown = []
    for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
        # Text.truncate takes no width to mean any width.
        text = cell if width else Text()
        text.truncate(width, overflow="ellipsis")
        blanks = Text(" " * (width - text.cell_len))
        shown.append(blanks + text if at in right else text + blanks)
    line = Text(_GAP).join(shown)
    line.rstrip()
    return line
