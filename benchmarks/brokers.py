"""
What a node costs through a broker, beside bare Celery tasks, Celery's canvas and celery-dyrygent.

    python benchmarks/brokers.py [--broker rabbitmq|redis|both] [--systems bare,canvas,dyrygent,pypeline]
        [--shapes chain,fan,layers,runs] [--large] [--rounds N] [--json FILE] [--markdown] [--profile FOLDER]

RabbitMQ or Redis, PostgreSQL for PypeLine, Redis for the results of canvas and dyrygent, all on this
machine. Each system has one worker of its own, prefork, that lives through all rounds. The arguments of the
queue and the number of prefetched messages are the same for all; messages are acknowledged late and sent
without waiting for a confirm. Bare tasks ignore results, canvas and dyrygent keep them in Redis, as a chord
has to, PypeLine in PostgreSQL.

A makespan begins before the first send, or the creation of the run, and ends when the last node has: every
node appends a byte to a file whose length is looked at each millisecond, so that all pay the same, and none
can end early or run a node twice unnoticed. PypeLine's ends when its database says moreover that the runs
succeeded. Shapes that take less than a second are run several times over in one measurement.

A round measures each shape on all systems, one right after the other, in an order that changes; a first
round is not counted. Shown are medians of the rounds; ratios are taken within a round. What takes a system
over 10 s is measured once, what takes over 60 s (200 s for a fan of 10,000) is given up. CPU is that of the
worker's processes, memory the sum of their peaks of resident memory, the size of a message that of the
largest that the client sends, body and headers.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from contest import Contest, Seat
from contestants import Bare, Canvas, Contestant, Dyrygent, Pypeline, Setting
from profiling import profile
from results import Row, growth, markdown, row, table
from servers import POSTGRESQL, RABBITMQ, REDIS, RESULTS, Servers
from shapes import Shape, chain, fan, layers, small_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMS: dict[str, type[Contestant]] = {
    "bare": Bare,
    "canvas": Canvas,
    "dyrygent": Dyrygent,
    "pypeline": Pypeline,
}
SHAPES = {
    "chain": chain(50),
    "fan": fan(1000),
    "layers": layers(10, 100, 3),
    "runs": small_runs(100),
}
LARGE = fan(10_000)


def main() -> None:
    """Measure and print."""
    # What was started ends as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _arguments()
    rows = [found for broker in given.broker for found in measure(broker, given)]
    print(markdown(rows) if given.markdown else table(rows))
    print("", *growth(rows), sep="\n")
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in rows], indent=2) + "\n")


def measure(broker: str, given: argparse.Namespace) -> list[Row]:
    """The rows of one broker."""
    shapes = [*given.shapes, *([LARGE] if given.large else [])]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        setting = Setting(
            Servers(given.urls[broker], given.postgresql, given.results),
            folder=Path(folder),
            name=f"benchmark-{uuid.uuid4().hex[:12]}",
            concurrency=given.concurrency,
            prefetch=given.prefetch,
        )
        seats = [Seat(kind, setting, shapes) for kind in given.systems]
        for seat in seats:
            stack.callback(seat.close)
            seat.open()
        contest = Contest(seats, shapes, rounds=given.rounds)
        for said in contest.run():
            print(f"{broker}: {said}", file=sys.stderr)
        if given.profile:
            for seat in (seat for seat in seats if seat.contestant.is_profiled):
                page = profile(seat, given.shapes, given.profile / broker / seat.name)
                print(f"{broker}, {seat.title}\n{page}\n")
        return list(_rows(broker, shapes, given.systems, contest))


def _rows(
    broker: str, shapes: list[Shape], systems: list[type[Contestant]], contest: Contest
) -> Iterator[Row]:
    for shape in shapes:
        for system in (kind.title for kind in systems):
            key = shape.name, system
            if key in contest.left_out:
                yield Row(broker, shape.name, shape.nodes, system, remark=contest.left_out[key])
            elif contest.found.get(key):
                yield row(
                    broker,
                    shape,
                    system,
                    contest.found[key],
                    bare=contest.found.get((shape.name, Bare.title), {}),
                    canvas=contest.found.get((shape.name, Canvas.title), {}),
                    message_bytes=contest.message_bytes[key],
                )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", choices=["rabbitmq", "redis", "both"], default="both")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="some of %(default)s")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="some of %(default)s")
    parser.add_argument("--large", action="store_true", help="also a fan of 10,000, bare and PypeLine")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument(
        "--concurrency", type=int, default=2, help="processes of a worker; default %(default)s"
    )
    parser.add_argument(
        "--prefetch", type=int, default=16, help="messages a process takes ahead; default %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--markdown", action="store_true", help="print the rows for a page")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="say where the time of bare tasks and PypeLine goes (py-spy), keep the stacks there",
    )
    parser.add_argument("--rabbitmq", default=RABBITMQ, metavar="URL")
    parser.add_argument("--redis", default=REDIS, metavar="URL")
    parser.add_argument("--results", default=RESULTS, metavar="URL", help="Redis for results of canvas")
    parser.add_argument("--postgresql", default=POSTGRESQL, metavar="URL", help="without a database")
    return _read(parser, parser.parse_args())


def _read(parser: argparse.ArgumentParser, given: argparse.Namespace) -> argparse.Namespace:
    """The words as what they name."""
    try:
        given.systems = [SYSTEMS[name] for name in given.systems.split(",")]
        given.shapes = [SHAPES[name] for name in given.shapes.split(",")]
    except KeyError as unknown:
        parser.error(f"there is no {unknown}: systems are {', '.join(SYSTEMS)}; shapes {', '.join(SHAPES)}")
    given.urls = {"rabbitmq": given.rabbitmq, "redis": given.redis}
    given.broker = list(given.urls) if given.broker == "both" else [given.broker]
    return given


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; nothing is left behind")
