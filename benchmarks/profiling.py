"""
Where the time of a node goes in a worker: py-spy looks at all its processes a hundred times a second.

What a process does and what it waits for both count, but not what threads beside the main one wait for.
Looking stops the process each time for a moment: parts compare with each other, not with a measurement.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contest import Seat
    from shapes import Shape

RATE = 100
"""Looks a second."""

_LONG_ENOUGH = 4.0  # seconds of one shape

_DATABASE = re.compile(r"\.wait \(psycopg/|\._executed \(pypeline/store/prepared")
_CHILD = {
    "publish what follows": r"\(pypeline/tasks/brokers/(dispatch|lines|frames|queues|messages)\.py",
    "record": r"\.record \(pypeline/engine/",
    "claim": r"\.claim \(pypeline/engine/",
    "call the handler": r"\(pypeline/tasks/attempts/execution\.py",
    "other PypeLine": r"\(pypeline/",
    "wait for a node": r"get_payload \(billiard/",
    "tell the parent": r"\b(put|send\w*|_?write\w*) \(billiard/",
    "other Celery": r"",
}
_PARENT = {
    "wait for events": r"\.poll \(kombu/utils/eventio\.py|_poll \(kombu/utils/eventio\.py",
    "acknowledge": r"\b(ack|basic_ack|acknowledge|ack_log_error) \(",
    "PypeLine": r"\(pypeline/tasks/(?!brokers/consumer)",
    "give to a child, hear from it": r"\(celery/concurrency/asynpool\.py|\(billiard/",
    "make a task of a message": r"\(celery/worker/(strategy|request|state)\.py",
    "read from the broker": r"\((amqp|redis|kombu/transport|kombu/messaging)",
    "other Celery": r"",
}
_RESTING = re.compile(r"(wait|sleep|select|poll|_rest|_wait)[\w.<>]* \(\S*:\d+\)$")
_THREAD = re.compile(r"thread \(\w+\): (.*)")


@dataclass(frozen=True, slots=True)
class Part:
    """Milliseconds of a node that a kind of process spends on one thing."""

    process: str
    what: str
    node_ms: float


def profile(seat: Seat, shapes: list[Shape], folder: Path) -> str:
    """Run each shape under py-spy; answers where its time went. The stacks are kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for shape in shapes:
        path = folder / f"{shape.pipeline_id}.txt"
        nodes = 0
        with _watching(seat.contestant.worker.pid, path):
            begun = time.monotonic()
            while time.monotonic() < begun + _LONG_ENOUGH and seat.measure(shape, at_least=0.0):
                nodes += shape.nodes
        pages.append(page(shape.name, parts(path.read_text().splitlines(), nodes)))
    return "\n\n".join(pages)


def parts(stacks: Iterable[str], nodes: int) -> list[Part]:
    """What py-spy's raw lines, a stack and how often it was seen, say of one node."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in stacks:
        stack, _, times = line.rpartition(" ")
        place = _place(stack.split(";"))
        if place is not None:
            seen[place] += int(times)
    return [Part(process, what, 1000 * times / RATE / nodes) for (process, what), times in seen.items()]


def page(title: str, found: list[Part]) -> str:
    """The parts for people, the largest first."""
    lines = [f"{title}: milliseconds of a node"]
    for process in ("children", "parent"):
        mine = sorted((part for part in found if part.process == process), key=lambda part: -part.node_ms)
        lines.append(f"  {process}: {sum(part.node_ms for part in mine):.2f}")
        lines += [f"    {part.what:32}{part.node_ms:>7.3f}" for part in mine]
    return "\n".join(lines)


def _place(frames: list[str]) -> tuple[str, str] | None:
    """The process and the part that a stack belongs to; None for a thread at rest."""
    processes = sum(frame.startswith("process ") for frame in frames)
    named = next((found[1] for frame in frames if (found := _THREAD.match(frame))), "MainThread")
    code = [frame for frame in frames[processes:] if not _THREAD.match(frame)]
    kind, rules = ("children", _CHILD) if processes > 1 else ("parent", _PARENT)
    if named != "MainThread":
        return None if not code or _RESTING.search(code[-1]) else (kind, f"thread {named}")
    what = next(name for name, rule in rules.items() if any(re.search(rule, frame) for frame in code))
    if any(_DATABASE.search(frame) for frame in code[-2:]):
        what += ": PostgreSQL"
    return kind, what


@contextmanager
def _watching(pid: int, path: Path) -> Iterator[None]:
    options = [*("--pid", str(pid), "--rate", str(RATE), "--format", "raw", "--output", str(path))]
    watcher = subprocess.Popen(
        [_program(), "record", "--subprocesses", "--threads", "--idle", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _await_start(watcher)
        yield
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.communicate(timeout=60)


def _await_start(watcher: subprocess.Popen[str]) -> None:
    assert watcher.stdout is not None
    said = []
    for line in watcher.stdout:
        said.append(line)
        if "Sampling process" in line:
            return
    raise RuntimeError(f"py-spy did not start: {''.join(said)}")


def _program() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("--profile needs py-spy: pip install py-spy")
    return found
