"""
What an item of a ``forEach`` node costs in a short list and in a long one, and the memory that it takes.

    python benchmarks/mapping.py [--items N,N,…] [--where embedded,rabbitmq,redis] [--rounds N] [--json]

Each measurement is one run of three nodes: a list, a ``forEach`` over it, and the sum of what the items
answered; the sum is checked. Embedded, that is ``pypeline run`` in a process of its own, on SQLite. On a
broker the run is sent to a worker with two processes, state in PostgreSQL. Time is that of the run from its
start to its end, by the database's clock; memory is the most resident memory of any one process.

Shown are the medians of the rounds. The last column is what an item costs, beside one of the shortest list.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import yaml

from pypeline import bootstrap
from pypeline.config import Settings
from servers import POSTGRESQL, RABBITMQ, REDIS, database
from workers import Worker, environment_of, peak

if TYPE_CHECKING:
    from collections.abc import Mapping

BROKERS = {"rabbitmq": RABBITMQ, "redis": REDIS}
_LOOK = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one list's length in one place; memory is the largest of the rounds."""

    where: str
    items: int
    seconds: float
    item_ms: float
    memory_mb: float


def main() -> None:
    """Measure and print."""
    given = _arguments()
    rows = [row for where in given.where for row in measure(where, given.items, rounds=given.rounds)]
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table(rows))


def measure(where: str, lengths: list[int], *, rounds: int) -> list[Row]:
    """The rows of one place, after a short run that is not counted."""
    found: dict[int, list[tuple[float, int]]] = {length: [] for length in lengths}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        variables = _variables(where, folder, stack)
        workers = [] if where == "embedded" else [_worker(variables, folder, stack)]
        _run(min(lengths), variables, folder, workers)
        for number in range(rounds):
            for length in lengths:
                found[length].append(_run(length, variables, folder, workers))
                print(
                    f"{where}: round {number + 1}: {length:,} items: {found[length][-1][0]:.2f} s",
                    file=sys.stderr,
                )
    return [_row(where, length, measured) for length, measured in found.items()]


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [f"{'':10}{'items':>9}{'seconds':>9}{'ms/item':>9}{'memory MB':>11}{'to the shortest':>17}"]
    for row in rows:
        shortest = min((one for one in rows if one.where == row.where), key=lambda one: one.items)
        lines.append(
            f"{row.where:10}{row.items:>9,}{row.seconds:>9.2f}{row.item_ms:>9.2f}{row.memory_mb:>11.0f}"
            f"{row.item_ms / shortest.item_ms:>17.2f}"
        )
    return "\n".join(lines)


def _row(where: str, items: int, measured: list[tuple[float, int]]) -> Row:
    seconds = median(seconds for seconds, _ in measured)
    memory = max(memory for _, memory in measured)
    return Row(where, items, seconds, 1000 * seconds / items, memory / 2**20)


def _variables(where: str, folder: Path, stack: ExitStack) -> dict[str, str]:
    queue = f"benchmark-{uuid.uuid4().hex[:12]}"
    (folder / "sermos.yaml").write_text(yaml.safe_dump(_configuration(queue)), encoding="utf-8")
    variables = {"PYPELINE_APP": queue, "PYPELINE_DEFAULT_QUEUE": queue}
    if where != "embedded":
        variables["PYPELINE_BROKER_URL"] = BROKERS[where]
        variables["PYPELINE_DATABASE_URL"] = stack.enter_context(database(POSTGRESQL))
        bootstrap.upgrade_database(Settings.load(variables, folder=folder))
    return variables


def _worker(variables: Mapping[str, str], folder: Path, stack: ExitStack) -> Worker:
    options = [
        "-c",
        "2",
        "--prefetch-multiplier",
        "16",
        "-l",
        "WARNING",
        "-n",
        f"{variables['PYPELINE_APP']}@%h",
    ]
    worker = Worker("pypeline.celery", options, environment=variables, folder=folder)
    stack.callback(worker.stop)
    return worker


def _run(items: int, variables: Mapping[str, str], folder: Path, workers: list[Worker]) -> tuple[float, int]:
    """The seconds that a run took, and the most resident bytes of a process. Raises RuntimeError."""
    command = [sys.executable, "-m", "pypeline.cli", "run", "mapping", "--json"]
    answer = folder / "run.json"
    with answer.open("w") as out:
        client = subprocess.Popen(
            [*command, "--payload", json.dumps({"items": items})],
            cwd=folder,
            env=environment_of(variables),
            stdout=out,
        )
        memory = _watch(client, workers)
    if client.returncode:
        raise RuntimeError(f"the run of {items:,} items ended with code {client.returncode}")
    return _checked(json.loads(answer.read_text()), items), memory


def _watch(client: subprocess.Popen[bytes], workers: list[Worker]) -> int:
    """The most resident bytes of the client, or of a process of a worker, until the client has ended."""
    most = 0
    while client.poll() is None:
        with suppress(FileNotFoundError, StopIteration):  # it ends at this moment
            most = max(most, peak(client.pid))
        with suppress(subprocess.TimeoutExpired):
            client.wait(_LOOK)
    return max([most, *(peak(pid) for worker in workers for pid in worker.pids())])


def _checked(document: dict[str, Any], items: int) -> float:
    answers = [node["result"] for node in document["nodes"] if node["node"] == "total"]
    if answers != [items * (items + 1) // 2] or document["counts"]["success"] != items + 3:
        raise RuntimeError(f"{items:,} items gave {answers} and {document['counts']}")
    begun, ended = (datetime.fromisoformat(document[key]) for key in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()


def _configuration(queue: str) -> dict[str, Any]:
    config = {
        "metadata": {"queue": queue, "maxTtl": 3600},
        "dagAdjacency": {"numbers": ["count"], "count": ["total"]},
        "taskDefinitions": {
            "numbers": {"handler": "mapping_handlers.numbers"},
            "count": {"handler": "mapping_handlers.successor", "forEach": "numbers"},
            "total": {"handler": "mapping_handlers.total"},
        },
    }
    return {"pipelines": {"mapping": {"name": "mapping", "schemaVersion": 1, "config": config}}}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=_numbers, default="1000,100000", help="default %(default)s")
    parser.add_argument("--where", type=_names, default="embedded,rabbitmq", help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="default %(default)s")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ("embedded", *BROKERS)]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of embedded, {', '.join(BROKERS)}")
    return names


if __name__ == "__main__":
    main()
