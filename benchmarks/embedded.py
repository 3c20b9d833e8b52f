"""
What a node costs embedded (SQLite, a Celery worker with threads in this process), beside bare Celery tasks.

    python benchmarks/embedded.py [--large] [--rounds N] [--json]

Each round runs every shape and, right after it, the same number of bare tasks in the same kind of worker.
Shown are the medians of the rounds: milliseconds of wall time and of CPU (all threads) per node, and their
ratio to the bare tasks of the same round.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from pypeline.bootstrap import System, build
from pypeline.config import Settings, load_config
from pypeline.tasks.workers.embedded import EmbeddedWorker, embedded_app
from shapes import Shape, chain, fan, layers, small_runs, write_configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time and CPU for a number of nodes or tasks."""

    wall: float
    cpu: float
    number: int

    @property
    def wall_ms(self) -> float:
        """Milliseconds a node."""
        return 1000 * self.wall / self.number

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU a node."""
        return 1000 * self.cpu / self.number


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one shape."""

    shape: str
    nodes: int
    wall_ms: float
    cpu_ms: float
    bare_wall_ms: float
    bare_cpu_ms: float
    wall_ratio: float
    cpu_ratio: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="also a fan of 10,000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    shapes = [chain(50), fan(1000), layers(10, 100, 3), small_runs(100)]
    if given.large:
        shapes.append(fan(10_000))
    rows = measure(shapes, rounds=given.rounds)
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table(rows))


def measure(shapes: list[Shape], *, rounds: int) -> list[Row]:
    """The medians of every shape, after one round that is not counted."""
    found: dict[str, list[tuple[Cost, Cost]]] = {shape.name: [] for shape in shapes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sermos.yaml"
        write_configuration(path, shapes)
        for number in range(rounds + 1):
            for shape in shapes:
                pair = run_shape(Path(folder), path, shape), run_bare(shape)
                if number:
                    found[shape.name].append(pair)
    return [_row(shape, found[shape.name]) for shape in shapes]


def run_shape(folder: Path, config_path: Path, shape: Shape) -> Cost:
    """The cost of one shape, on a database of its own."""
    database = folder / f"{shape.pipeline_id}-{time.monotonic_ns()}.db"
    settings = Settings.load({"PYPELINE_DATABASE_URL": f"sqlite:///{database}"}, folder=folder)
    config = load_config(config_path, env=settings.environment)
    config.plan(shape.pipeline_id)
    with build(settings, config) as system, system.worker(concurrency=CONCURRENCY):
        return _timed(lambda: _run_all(system, shape), shape.nodes)


def run_bare(shape: Shape) -> Cost:
    """The cost of as many bare tasks: one after the other for a chain, else all at once."""
    app = embedded_app("bare")
    all_done = _Countdown(shape.nodes)
    is_chain = shape.name.startswith("chain")

    @app.task(name="bare.task", ignore_result=True, shared=False)
    def bare(left: int) -> None:
        if is_chain and left > 1:
            bare.apply_async((left - 1,), queue="benchmark")
        all_done.lower()

    with EmbeddedWorker(app, queues=["benchmark"], concurrency=CONCURRENCY):
        return _timed(lambda: _send_bare(app, shape.nodes, all_done, is_chain=is_chain), shape.nodes)


def table(rows: list[Row]) -> str:
    """The rows for people."""
    header = f"{'':16}{'nodes':>8}{'ms/node':>10}{'CPU':>8}{'bare ms':>10}{'CPU':>8}{'ratio':>8}{'CPU':>8}"
    lines = [
        f"{row.shape:16}{row.nodes:>8,}{row.wall_ms:>10.2f}{row.cpu_ms:>8.2f}{row.bare_wall_ms:>10.2f}"
        f"{row.bare_cpu_ms:>8.2f}{row.wall_ratio:>8.2f}{row.cpu_ratio:>8.2f}"
        for row in rows
    ]
    return "\n".join([header, *lines, *_growth(rows)])


class _Countdown:
    """Tells when so many tasks have run."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()
        self.reached = threading.Event()

    def lower(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.reached.set()


def _growth(rows: list[Row]) -> list[str]:
    """How much more a node costs in a run ten times as large."""
    fans = [row for row in rows if row.shape.startswith("fan")]
    if len(fans) != 2:  # noqa: PLR2004 - the small one and the large one
        return []
    small, large = fans
    wall, cpu = large.wall_ms / small.wall_ms, large.cpu_ms / small.cpu_ms
    return [f"{large.shape} against {small.shape}: {wall:.2f} of the time a node, {cpu:.2f} of the CPU"]


def _run_all(system: System, shape: Shape) -> None:
    runs = [system.application.invoke(shape.pipeline_id, trigger="python") for _ in range(shape.runs)]
    for run_id in runs:
        state = system.application.wait(run_id, timeout=300)
        assert state == "success", f"{shape.name} ended {state}"


def _send_bare(app: Celery, number: int, all_done: _Countdown, *, is_chain: bool) -> None:
    task = app.tasks["bare.task"]
    for _ in range(1 if is_chain else number):
        task.apply_async((number,), queue="benchmark")
    assert all_done.reached.wait(300), "the bare tasks did not end"


def _timed(work: Callable[[], None], number: int) -> Cost:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, number)


def _row(shape: Shape, pairs: list[tuple[Cost, Cost]]) -> Row:
    return Row(
        shape=shape.name,
        nodes=shape.nodes,
        wall_ms=median(ours.wall_ms for ours, _ in pairs),
        cpu_ms=median(ours.cpu_ms for ours, _ in pairs),
        bare_wall_ms=median(bare.wall_ms for _, bare in pairs),
        bare_cpu_ms=median(bare.cpu_ms for _, bare in pairs),
        wall_ratio=median(ours.wall / bare.wall for ours, bare in pairs),
        cpu_ratio=median(ours.cpu / bare.cpu for ours, bare in pairs),
    )


if __name__ == "__main__":
    main()
