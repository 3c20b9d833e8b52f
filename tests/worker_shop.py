"""An application with handlers that behave and others that do not, and real worker processes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from kombu import Connection

from pypeline import bootstrap
from pypeline.config import Settings, find_config, load_config
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pypeline.bootstrap import System
    from pypeline.runs.states import NodeState, RunState
    from pypeline.store.records import NodeRecord

BROKER = "amqp://guest:guest@127.0.0.1:5672//"
PATIENCE = 30.0
"""Seconds that a test waits for what comes within a few on a machine that does nothing else."""

HANDLERS = '''
import ctypes
import itertools
import os
import pathlib
import time


def _note(event):
    """Tell the test which process runs the attempt."""
    note = pathlib.Path(os.environ["SHOP_NOTES"], f"{event['node']}-{event['attempt']}")
    note.with_suffix(".new").write_text(str(os.getpid()))
    note.with_suffix(".new").rename(note)


def one(event):
    return 1


def add(event, left, right):
    return left + right


def hang_in_c(event):
    _note(event)
    sum(itertools.repeat(1, 10**13))  # holds the GIL, and looks for no signal


def hold_the_gil(event):
    _note(event)
    ctypes.PyDLL(None).sleep(int(event["seconds"]))
    return "held"


def swallow(event):
    _note(event)
    while True:
        try:
            time.sleep(0.02)
        except Exception:
            pass


def wait_for_leave(event):
    _note(event)
    leave = pathlib.Path(os.environ["SHOP_NOTES"], "leave")
    while not leave.exists():
        time.sleep(0.02)
    return "left"


def until_cancelled(event, tools):
    _note(event)
    while not tools.cancelled:
        time.sleep(0.02)
    return "heard"


def dies_once(event):
    _note(event)
    if event["attempt"] == 1:
        os.kill(os.getpid(), 9)
    return "alive"
'''

_ONE_NODE = """
  {name}:
    name: {name}
    schemaVersion: 1
    config:
      metadata: {{queue: {queue}, maxRetry: {retries}, retryBackoff: 0.1{more}}}
      dagAdjacency: {{{name}: []}}
      taskDefinitions:
        {name}: {{handler: {module}.{name}}}
"""
_SUM = """
  sum:
    name: sum
    schemaVersion: 1
    config:
      metadata: {{queue: {queue}, maxTtl: 30}}
      dagAdjacency: {{left: [total], right: [total]}}
      taskDefinitions:
        left: {{handler: {module}.one}}
        right: {{handler: {module}.one}}
        total: {{handler: {module}.add}}
"""
_HANDLERS = (
    "one", "add", "hang_in_c", "hold_the_gil", "swallow", "wait_for_leave", "until_cancelled", "dies_once"
)  # fmt: skip


@dataclass
class Worker:
    """One ``celery worker``, with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def id(self) -> str:
        """As the database knows it."""
        return f"{os.uname().nodename}:{self.process.pid}"

    def children(self) -> list[psutil.Process]:
        """The processes of its pool."""
        return psutil.Process(self.process.pid).children()

    def signal(self, number: int) -> None:
        """Send a signal to the main process."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(PATIENCE)

    def text(self) -> str:
        """What it logged."""
        return self.log.read_text()


@dataclass
class Shop:
    """The application in a folder of its own, with a queue and an ``app`` of its own in a shared database."""

    folder: Path
    database: str
    queue: str = field(default_factory=lambda: f"pypeline-test-{uuid.uuid4().hex}")
    lease: float = 4.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.module = f"shop_{uuid.uuid4().hex[:8]}"
        self.notes = self.folder / "notes"
        self.notes.mkdir()
        (self.folder / f"{self.module}.py").write_text(HANDLERS)
        self.configure()

    def configure(self, *, handlers: tuple[str, ...] = _HANDLERS, retries: int = 1, **metadata: Any) -> None:
        """Write the configuration of these handlers and their pipelines; all of them have ``metadata``."""
        more = "".join(f", {key}: {value}" for key, value in metadata.items())
        lines = ["serviceConfig:", "  - name: shop-worker", "    registeredTasks:"]
        lines += [f"      - handler: {self.module}.{name}" for name in handlers]
        names = {"queue": self.queue, "module": self.module}
        pipelines = [_ONE_NODE.format(name=name, retries=retries, more=more, **names) for name in handlers]
        content = "\n".join(lines) + "\npipelines:" + "".join(pipelines)
        if {"one", "add"} <= {*handlers}:
            content += _SUM.format(**names)
        (self.folder / "sermos.yaml").write_text(content)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its processes."""
        return {
            "PYPELINE_CONFIG": str(self.folder / "sermos.yaml"),
            "PYPELINE_BROKER_URL": BROKER,
            "PYPELINE_DATABASE_URL": self.database,
            "PYPELINE_DEFAULT_QUEUE": self.queue,
            "PYPELINE_APP": self.queue,
            "PYPELINE_LEASE": str(self.lease),
            "SHOP_NOTES": str(self.notes),
            **self.environment,
        }

    @contextmanager
    def system(self) -> Iterator[System]:
        """What starts and shows runs."""
        settings = Settings.load({**os.environ, **self.variables}, folder=self.folder)
        config = load_config(find_config(settings), env=settings.environment)
        with bootstrap.build(settings, config) as system:
            yield system

    @contextmanager
    def worker(
        self, *options: str, app: str = "pypeline.celery", ready: bool = True, **variables: str
    ) -> Iterator[Worker]:
        """A worker of it, which is ready, while the context lasts."""
        log = self.folder / f"worker-{uuid.uuid4().hex[:4]}.log"
        # Two of one name on a host refuse each other's control queue.
        name = f"{uuid.uuid4().hex[:8]}@%h"
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", name]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "-l", "INFO", *options],
                cwd=self.folder,
                env={**os.environ, **self.variables, **variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        worker = Worker(process, log)
        try:
            if ready:
                wait_until(lambda: " ready." in worker.text() or process.poll() is not None, worker.text)
                assert process.poll() is None, worker.text()
            yield worker
        finally:
            _end(worker)

    def pid_of(self, node: str, attempt: int = 1) -> int:
        """The process that runs an attempt, once it does."""
        note = self.notes / f"{node}-{attempt}"
        wait_until(note.exists, lambda: f"attempt {attempt} of {node} did not begin")
        return int(note.read_text())

    def let_go(self) -> None:
        """Let ``wait_for_leave`` return."""
        (self.notes / "leave").touch()


def node_of(system: System, run_id: str) -> NodeRecord:
    """The only node of a run."""
    [node] = system.application.nodes(run_id)
    return node


def finished(system: System, run_id: str) -> RunState:
    """The state of a run that has ended."""
    return system.application.wait(run_id, timeout=PATIENCE)


def in_state(system: System, run_id: str, state: NodeState) -> NodeRecord:
    """The only node of a run, once it is in that state."""
    wait_until(lambda: node_of(system, run_id).state is state, lambda: str(node_of(system, run_id)))
    return node_of(system, run_id)


def wait_until(condition: Callable[[], bool], why: Callable[[], str], timeout: float = PATIENCE) -> None:
    """Return once the condition holds; fail with what ``why`` says if that takes too long."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.05)


@contextmanager
def open_shop(folder: Path, database: str, **options: Any) -> Iterator[tuple[Shop, System]]:
    """A shop and what starts its runs; its queue is deleted at the end."""
    try:
        with Connection(BROKER, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except OSError as error:
        unavailable(f"RabbitMQ: no server at {BROKER}: {error}")
    shop = Shop(folder, database, **options)
    bootstrap.upgrade_database(Settings.load(shop.variables, folder=folder))
    with ExitStack() as stack:
        stack.callback(_delete, shop.queue)
        yield shop, stack.enter_context(shop.system())


def _delete(queue: str) -> None:
    with Connection(BROKER) as connection:
        connection.default_channel.queue_delete(queue)


def _end(worker: Worker) -> None:
    if worker.process.poll() is not None:
        return
    children = worker.children()
    worker.signal(signal.SIGKILL)
    worker.wait()
    psutil.wait_procs(children, 10)
