"""How a run looks while it goes on: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.marks import bar, mark, tally, word
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import RenderableType

    from pypeline.cli.looking import Row, Snapshot

_FRAME = 2  # the head and the line that says what is left out
_BAR = 24
_NARROW = 72
_STATE = 9  # "cancelled"
_TIME = 7  # "59m 59s"
_MOST_SAID = 3


class View(Protocol):
    """Shows a run again and again, with at least ``pause`` seconds between two looks."""

    pause: float

    @property
    def room(self) -> int:
        """How many rows it can show."""

    @property
    def wants_more(self) -> bool:
        """True where it would show a snapshot that it got now: nobody has to make one in vain."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def begin(self, run_id: str, pipeline_id: str) -> None:
        """Say which run it is, where the picture does not."""

    def show(self, snapshot: Snapshot) -> None:
        """The run as it is now."""

    def say(self, text: str) -> None:
        """A sentence beside the progress."""


def view_for(console: Console, *, quiet: bool = False) -> View:
    """The view that fits where it is shown; a ``quiet`` one says sentences only."""
    if console.is_terminal and not console.no_color and not console.is_dumb_terminal:
        return LiveView(console)
    return LineView(console, quiet=quiet)


class LiveView:
    """A few lines that are drawn again and again, and are gone at the end."""

    pause = 0.12
    wants_more = True

    def __init__(self, console: Console) -> None:
        self._console = console
        # Prints are not redirected: those of handlers are on their way to their attempts.
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    @property
    def room(self) -> int:
        """As many rows as the terminal has beside the frame."""
        return max(1, min(40, self._console.size.height - _FRAME - 2))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def begin(self, run_id: str, pipeline_id: str) -> None:
        """The picture has it."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw the run as it is now."""
        self._live.update(live_picture(snapshot, self._console, room=self.room), refresh=True)

    def say(self, text: str) -> None:
        """Print a sentence above the picture."""
        self._console.print(Text(text))


class LineView:
    """
    A line whenever something has changed, ever more rarely: a long run does not fill a log.

    The first ones are half a second apart, later ones a twentieth of the time that has passed.
    """

    pause = 0.25
    room = 1

    def __init__(
        self, console: Console, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._quiet = quiet
        self._said = ""
        self._clock = clock
        self._began = clock()
        self._next = 0.0

    @property
    def wants_more(self) -> bool:
        """True where the last line is old enough."""
        return not self._quiet and self._clock() - self._began >= self._next

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was changed."""

    def begin(self, run_id: str, pipeline_id: str) -> None:
        """Print which run it is: whatever happens to this process, it can be found again."""
        if not self._quiet:
            self.say(f"{pipeline_id}: run {run_id}")

    def show(self, snapshot: Snapshot) -> None:
        """Print where the run is, if that has changed."""
        line = f"{snapshot.run.pipeline_id}: {snapshot.run.state.value}, {tally(snapshot.run.counts).plain}"
        line += f"; {snapshot.waits}" if snapshot.waits else ""
        line += "".join(f"; {said}" for said in _said_by(snapshot.rows))
        passed = self._clock() - self._began
        if self._quiet or line == self._said or passed < self._next:
            return
        self._said = line
        self._next = passed + max(0.5, passed / 20)
        self.say(line)

    def say(self, text: str) -> None:
        """Print a sentence."""
        self._console.print(Text(text), soft_wrap=True)


def live_picture(snapshot: Snapshot, console: Console, *, room: int) -> RenderableType:
    """The head, the rows that there is room for, and what they leave out."""
    rows = _most_telling(snapshot.rows, room)
    now = datetime.now(UTC)
    parts: list[RenderableType] = [_head(snapshot, console, now)]
    if rows:
        parts.append(_rows_table(rows, console, now))
    if len(rows) < snapshot.total:
        rest = tally(snapshot.run.counts)
        if snapshot.waits:
            rest.append(f"; {snapshot.waits}", "yellow")
        rest.no_wrap, rest.overflow = True, "ellipsis"
        parts.append(rest)
    return Group(*parts)


def _rows_table(rows: Sequence[Row], console: Console, now: datetime) -> Text:
    """A line a row. No width depends on how far the run is: nothing jumps."""
    cells = [(mark(row.state), row.label, word(row.state), _time(row, now), _note(row)) for row in rows]
    widths = {2: _STATE, 3: _TIME, 4: console.width}
    table = aligned(("",) * 5, cells, width=console.width, right=frozenset({3}), elastic=(4, 1), fixed=widths)
    table.no_wrap, table.overflow = True, "crop"
    return table


def _time(row: Row, now: datetime) -> str:
    return words.took(row.started_at, row.finished_at, now=now)


def _head(snapshot: Snapshot, console: Console, now: datetime) -> Text:
    run = snapshot.run
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append_text(mark(run.state)).append(f" {run.pipeline_id}", "bold")
    if run.started_at is not None:
        head.append(f"  {words.took(run.started_at, run.finished_at, now=now)}")
    width = _BAR if console.width >= _NARROW else _BAR // 2
    head.append("  ").append_text(bar(run.counts, width=width))
    head.append(f"  {snapshot.ended:,} of {snapshot.total:,}")
    if run.flag is not None:
        head.append("  cancelling" if run.flag.value == "cancel" else "  past its deadline", "magenta")
    return head.append(f"  run {run.run_id[:8]}", "dim")


def _said_by(rows: Sequence[Row]) -> list[str]:
    """What the first few running handlers say of their progress: ``count 1,200 of 3,000``."""
    telling = [
        (row, row.progress) for row in rows if row.progress is not None and row.state is NodeState.RUNNING
    ]
    return [f"{row.label} {words.progress(progress)}" for row, progress in telling[:_MOST_SAID]]


_TELLING = ("failed", "retrying", "running", "queued", "cancelled", "pending", "skipped", "success")


def _most_telling(rows: tuple[Row, ...], room: int) -> list[Row]:
    """All rows as they come; where there is no room, the ones that matter most."""
    if len(rows) <= room:
        return list(rows)
    ranked = sorted(range(len(rows)), key=lambda at: (_TELLING.index(rows[at].state.value), at))
    return [rows[at] for at in sorted(ranked[:room])]


def _note(row: Row) -> Text:
    parts = []
    if row.total is not None:
        parts.append(f"{row.done:,} of {row.total:,} items")
    if row.progress is not None and row.state is NodeState.RUNNING:
        parts.append(words.progress(row.progress))
    if row.attempt > 1:
        parts.append(f"attempt {row.attempt}")
    if row.error is not None:
        parts.append(words.shortened(f"{row.error.type}: {row.error.message}", 120))
    elif row.why is not None:
        parts.append(row.why)
    return Text("  ".join(parts), "dim")
