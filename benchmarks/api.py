"""
How long the API takes to answer what a dashboard asks each second, beside a Flask route that does nothing.

    python benchmarks/api.py [--runs N,N,…] [--nodes N] [--seconds S] [--rounds N] [--json]

PostgreSQL is filled with that many ended runs of ``--nodes`` nodes each. One gunicorn serves the API and the
empty route, with the workers and threads that `pypeline web` takes; ``wrk`` asks over 8 connections. A few
runs are asked for again and again, as pages do; ``known`` is that with the ``ETag`` of the answer before, and
``never asked for before`` goes through all runs, which are more than a process keeps answers of. The rounds
of all questions alternate; shown are the medians of their p50 and p99, and p99 beside the empty route's.

It needs ``wrk`` (Debian: ``apt install wrk``) and the extra ``web``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

sys.path.insert(0, str(Path(__file__).parent))

import psycopg
import yaml

from pypeline import bootstrap
from pypeline.config import Settings
from pypeline.flask.serving import defaults
from servers import POSTGRESQL, database

if TYPE_CHECKING:
    from collections.abc import Iterator

_APP = "benchmark"
_KEY = "benchmark-key"
_CONNECTIONS = 8
_FEW = 20  # runs that people look at
_MANY = 2000  # runs of which a process does not keep all answers

Measured: TypeAlias = "tuple[float, float, float]"


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked: for a few runs again and again, or for ``each`` run of the database in turn.

    ``is_known`` says that the caller has the answer already.
    """

    name: str
    path: str
    each: bool = False
    is_known: bool = False


_EMPTY = Question("empty route", "/empty")
_QUESTIONS = (
    _EMPTY,
    Question("runs", "/api/v1/runs"),
    Question("run", "/api/v1/runs/{}"),
    Question("nodes", "/api/v1/runs/{}/nodes?limit=50"),
    Question("run, known", "/api/v1/runs/{}", is_known=True),
    Question("run, never asked for before", "/api/v1/runs/{}", each=True),
    Question("nodes, never asked for before", "/api/v1/runs/{}/nodes?limit=50", each=True),
)

_FILL = """
INSERT INTO pypeline_definition (id, pipeline_id, document, created_at) VALUES ('d', 'many', '{}', now());
INSERT INTO pypeline_run (id, app, pipeline_id, definition_id, broker, state, trigger, payload, replacements,
    open_sinks, created_at, started_at, finished_at)
SELECT md5(r::text)::uuid::text, 'benchmark', 'many', 'd', 'b', 'success', 'api', '{"day": "2026-03-24"}',
    '{}', 0, ended, ended, ended
FROM generate_series(1, %(runs)s) r, LATERAL (SELECT now() - r * interval '10 seconds') AS times (ended);
INSERT INTO pypeline_node (run_id, position, item, name, queue, state, waiting, attempt, worker, queued_at,
    started_at, finished_at, result)
SELECT md5(r::text)::uuid::text, n, -1, 'node_' || n, 'pypeline', 'success', 0, 1, 'host:1', now(),
    now(), now(), '{"words": ' || n || '}'
FROM generate_series(1, %(runs)s) r, generate_series(0, %(nodes)s - 1) n;
ANALYZE
"""

_ASK = """
local paths = {}
for line in io.lines("%(file)s") do paths[#paths + 1] = line end
local asked = 0
request = function()
  asked = asked + 1
  return wrk.format("GET", paths[asked %% #paths + 1])
end
done = function(summary, latency)
  io.write(string.format("p50 %%f p99 %%f errors %%d\\n", latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Row:
    """Milliseconds of one question, the medians of the rounds; ``ratio`` is p99 beside the empty route's."""

    runs: int
    question: str
    p50: float
    p99: float
    per_second: float
    ratio: float


def main() -> None:
    """Measure and print."""
    given = _arguments()
    rows = [row for runs in given.runs for row in measure(runs, given)]
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table(rows))


def measure(runs: int, given: argparse.Namespace) -> list[Row]:
    """The rows of a database with that many runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(POSTGRESQL))
        ids = fill(url, runs, given.nodes)
        base = stack.enter_context(serve(url, folder))
        asked = [question for question in _QUESTIONS if not question.each or runs >= _MANY]
        found: dict[str, list[Measured]] = {question.name: [] for question in asked}
        for is_counted in (False, *(True for _ in range(given.rounds))):
            for question in asked:
                chosen = ids if question.each else ids[:_FEW]
                measured = ask(base, folder, question, chosen, given.seconds)
                if is_counted:
                    found[question.name].append(measured)
    middle = {name: [median(column) for column in zip(*all_, strict=True)] for name, all_ in found.items()}
    floor = middle[_EMPTY.name][1]
    return [Row(runs, name, *values, values[1] / floor) for name, values in middle.items()]


def fill(url: str, runs: int, nodes: int) -> list[str]:
    """Ended runs in a new database; their ids, in no order."""
    bootstrap.upgrade_database(Settings.load({"PYPELINE_DATABASE_URL": url}))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _FILL.split(";"):
            connection.execute(statement, {"runs": runs, "nodes": nodes}, prepare=False)
        connection.execute("VACUUM")
        found = connection.execute("SELECT id FROM pypeline_run ORDER BY md5(id)").fetchall()
    return [run_id for (run_id,) in found]


@contextmanager
def serve(url: str, folder: Path) -> Iterator[str]:
    """The address of the application under gunicorn."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    configuration = {"pipelines": {}, "serviceConfig": []}
    (folder / "sermos.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "PYPELINE_APP": _APP,
        "PYPELINE_CONFIG": str(folder / "sermos.yaml"),
        "PYPELINE_DATABASE_URL": url,
        "PYPELINE_BROKER_URL": "memory://",
        "PYPELINE_ACCESS_KEY": _KEY,
    }
    options = ["-b", f"127.0.0.1:{port}", *_options(environment)]
    command = [sys.executable, "-m", "gunicorn", *options, "api_application:app"]
    server = subprocess.Popen(command, env=environment, cwd=folder, stderr=(folder / "log").open("w"))
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def ask(base: str, folder: Path, question: Question, ids: list[str], seconds: float) -> Measured:
    """Milliseconds of the median and of the slowest hundredth, and answers a second. Raises RuntimeError."""
    paths = folder / "paths"
    paths.write_text("\n".join(question.path.format(one) for one in ids), encoding="utf-8")
    (folder / "ask.lua").write_text(_ASK % {"file": paths}, encoding="utf-8")
    options = ["-t", "1", "-c", str(_CONNECTIONS), "-d", f"{seconds:g}s", "-s", str(folder / "ask.lua")]
    headers = {"accesskey": _KEY, **({"If-None-Match": "*"} if question.is_known else {})}
    said = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
    answer = subprocess.run(["wrk", *options, *said, base], capture_output=True, text=True, check=True).stdout
    found = re.search(r"p50 (\S+) p99 (\S+) errors (\d+)", answer)
    rate = re.search(r"Requests/sec:\s+(\S+)", answer)
    if found is None or rate is None or found[3] != "0":
        raise RuntimeError(f"wrk saw errors:\n{answer}")
    return float(found[1]), float(found[2]), float(rate[1])


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [f"{'runs':>8}  {'question':30}{'p50 ms':>8}{'p99 ms':>8}{'per s':>8}{'p99 to empty':>14}"]
    lines += [
        f"{row.runs:>8,}  {row.question:30}{row.p50:>8.2f}{row.p99:>8.2f}{row.per_second:>8.0f}"
        f"{row.ratio:>14.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def _options(environment: dict[str, str]) -> list[str]:
    """What `pypeline web` gives gunicorn."""
    said = defaults(Settings.load(environment))
    names = {
        "workers": "workers",
        "worker_class": "worker-class",
        "threads": "threads",
        "keepalive": "keep-alive",
    }
    return [f"--{option}={said[name]}" for name, option in names.items()]


def _wait_for(url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=lambda text: [int(one) for one in text.split(",")], default=[20, 20_000]
    )
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
