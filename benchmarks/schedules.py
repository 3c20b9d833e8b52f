"""
What the scheduler keeps: ``python benchmarks/schedules.py``.

It needs PostgreSQL and RabbitMQ on this machine, takes two to three minutes, and prints a table: two
schedulers of which one is killed, changes by command line, an idle scheduler, and very many due at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from servers import POSTGRESQL, RABBITMQ, database, delete_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HANDLERS = "def quick(event):\n    return 1\n"
_CONFIG = """
pipelines:
  quick:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {quick: []}
      taskDefinitions: {quick: {handler: schedules_handlers.quick}}
"""
_FIRED = """
    SELECT schedule_id, extract(epoch FROM due_at)::float8, extract(epoch FROM fired_at)::float8, run_id
    FROM pypeline_occurrence WHERE schedule_id LIKE %s ORDER BY schedule_id, due_at
"""
_FAR = """
    INSERT INTO pypeline_schedule (app, id, source, enabled, target_kind, target, kind, timing, timezone,
        payload, misfire, misfire_grace, overlap, created_at, updated_at, count, planned)
    SELECT %s, 'far-' || n, 'user', true, 'pipeline', 'quick', 'interval', '30 days', 'UTC', '{}', 'latest',
        60, 'allow', now(), now(), 0, ''
    FROM generate_series(1, %s) AS n
"""
_BURST = """
    UPDATE pypeline_schedule SET kind = 'once', timing = %s
    WHERE id IN (SELECT id FROM pypeline_schedule WHERE id LIKE 'far-%%' LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    limit: str


class Stage:
    """An application in a folder and a database of its own, and the processes that work for it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.queue = url, f"benchmark-{uuid.uuid4().hex}"
        self._folder = folder
        (folder / "schedules_handlers.py").write_text(_HANDLERS)
        (folder / "sermos.yaml").write_text(_CONFIG.replace("QUEUE", self.queue))
        self._environment = {
            **os.environ,
            "PYPELINE_CONFIG": str(folder / "sermos.yaml"),
            "PYPELINE_BROKER_URL": RABBITMQ,
            "PYPELINE_DATABASE_URL": url,
            "PYPELINE_DEFAULT_QUEUE": self.queue,
            "PYPELINE_APP": self.queue,
        }
        self.call("db", "upgrade")

    def call(self, *arguments: str) -> float:
        """A command of ours; answers the time at which it had ended."""
        command = [sys.executable, "-m", "pypeline.cli", *arguments]
        subprocess.run(command, env=self._environment, cwd=self._folder, check=True, capture_output=True)
        return time.time()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of ours that goes on."""
        with (self._folder / f"{arguments[0]}-{uuid.uuid4().hex[:4]}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pypeline.cli", *arguments],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """The same, ended at the end."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that the database answers."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> float:
        """The time at which the condition holds. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("the scheduler did not do it in time")
            time.sleep(0.01)
        return time.time()

    def until_schedulers(self, number: int) -> None:
        """Return once so many schedulers gave a sign of life lately."""
        lately = "SELECT count(*) FROM pypeline_beat WHERE seen_at > now() - interval '8 seconds'"
        self.until(lambda: self.ask(lately)[0][0] >= number)


def fail_over(stage: Stage, *, schedules: int, seconds: float) -> list[Row]:
    """Two schedulers and a worker; one scheduler is killed in the middle and started again."""
    with ExitStack() as stack:
        stack.enter_context(stage.running("worker", "-c", "2"))
        stack.enter_context(stage.running("beat"))
        victim = stage.start("beat")
        stage.until_schedulers(2)
        stage.ask(_FAR.replace("far-", "each-").replace("30 days", "1 second"), stage.queue, schedules)
        begun = time.time()
        time.sleep(seconds / 2)
        victim.send_signal(signal.SIGKILL)
        killed = time.time()
        victim.wait()
        stack.enter_context(stage.running("beat"))
        time.sleep(max(0.0, begun + seconds - time.time()))
        stage.ask("UPDATE pypeline_schedule SET enabled = false WHERE id LIKE 'each-%%'")
        unfinished = "SELECT count(*) FROM pypeline_run WHERE state IN ('pending', 'running')"
        stage.until(lambda: stage.ask(unfinished)[0][0] == 0)
    return _judged(stage, killed)


def _judged(stage: Stage, killed: float) -> list[Row]:
    fired = stage.ask(_FIRED, "each-%")
    apart = [b[1] - a[1] for a, b in pairwise(fired) if a[0] == b[0]]
    runs = stage.ask("SELECT count(*) FROM pypeline_run WHERE trigger LIKE 'schedule:each-%%'")[0][0]
    late = sorted(at - due for _, due, at, _ in fired if not killed - 0.5 <= due <= killed + 5)
    over = max(at - due for _, due, at, _ in fired if killed - 0.5 <= due <= killed + 5)
    return [
        Row("occurrences, and runs of them", f"{len(fired):,} and {runs:,}", "equal"),
        Row("started twice", str(runs - len({row[3] for row in fired})), "0"),
        Row("missing", str(sum(round(gap) - 1 for gap in apart)), "0"),
        Row("lateness p99", f"{late[int(len(late) * 0.99)]:.3f} s", "0.5 s"),
        Row("lateness at the fail-over, most", f"{over:.3f} s", "5 s"),
    ]


def changes(stage: Stage) -> list[Row]:
    """Create, edit, disable and delete by command line; seconds until each is in force."""

    def count() -> int:
        return len(stage.ask(_FIRED, "made"))

    made = stage.call("schedules", "create", "made", "--pipeline", "quick", "--every", "200000 microseconds")
    took = {"create": stage.until(lambda: count() > 0) - made}
    took["edit to each hour"] = _stops(stage, stage.call("schedules", "update", "made", "--every", "1 hour"))
    back = stage.call("schedules", "update", "made", "--every", "200000 microseconds")
    number = count()
    took["edit back"] = stage.until(lambda: count() > number) - back
    took["disable"] = _stops(stage, stage.call("schedules", "disable", "made"))
    stage.call("schedules", "enable", "made")
    took["delete"] = _stops(stage, stage.call("schedules", "delete", "made"))
    return [Row(f"{name}, in force after", f"{max(0.0, took[name]):.2f} s", "2 s") for name in took]


def _stops(stage: Stage, since: float) -> float:
    """How long after a moment the last run of the schedule was created, at most 3 s."""
    time.sleep(3)
    last = stage.ask(
        "SELECT max(extract(epoch FROM created_at)::float8) FROM pypeline_run WHERE trigger = 'schedule:made'"
    )
    return float(last[0][0]) - since


def idle(stage: Stage, scheduler: subprocess.Popen[bytes], *, schedules: int, seconds: float) -> list[Row]:
    """What a scheduler costs that has very many schedules of which none is due."""
    stage.ask(_FAR, stage.queue, schedules)
    left = "SELECT count(*) FROM pypeline_schedule WHERE planned <> plan_key"
    stage.until(lambda: stage.ask(left)[0][0] == 0)
    process = psutil.Process(scheduler.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    used = sum(process.cpu_times()[:2]) - before
    return [Row(f"CPU of an idle scheduler, {schedules:,} schedules", f"{100 * used / seconds:.2f} %", "2 %")]


def burst(stage: Stage, *, number: int) -> list[Row]:
    """Very many that are due in the same second: until the last is in the broker."""
    due = int(time.time()) + 5
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(due))
    stage.ask(_BURST, text, number)
    sent = "SELECT count(*) FROM pypeline_run WHERE trigger LIKE 'schedule:far-%%'"
    stage.until(lambda: stage.ask(sent)[0][0] >= number)
    created = time.time()
    left = stage.until(lambda: _messages(stage) >= number)
    return [
        Row(f"{number:,} due at once, all created after", f"{created - due:.2f} s", "2 s"),
        Row(f"{number:,} due at once, all in the broker after", f"{left - due:.2f} s", "2 s"),
    ]


def _messages(stage: Stage) -> int:
    from kombu import Connection  # noqa: PLC0415 - for this figure only

    with Connection(RABBITMQ) as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(stage.queue, passive=True).message_count)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long two schedulers are watched")
    parser.add_argument("--schedules", type=int, default=10_000, help="how many the idle scheduler has")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pypeline-schedules-")))
        stage = Stage(folder, stack.enter_context(database(POSTGRESQL)))
        stack.callback(delete_queue, RABBITMQ, stage.queue)
        rows = fail_over(stage, schedules=50, seconds=asked.seconds)
        with stage.running("beat") as scheduler:
            stage.until_schedulers(1)
            rows += changes(stage)
            stage.ask("DELETE FROM pypeline_schedule")
            delete_queue(RABBITMQ, stage.queue)
            rows += idle(stage, scheduler, schedules=asked.schedules, seconds=30)
            stage.call("run", "quick", "--no-wait")
            rows += burst(stage, number=1000)
    print("| what | measured | allowed |\n| --- | ---: | ---: |")
    for row in rows:
        print(f"| {row.what} | {row.measured} | {row.limit} |")


if __name__ == "__main__":
    main()
