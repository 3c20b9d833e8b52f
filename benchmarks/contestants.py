"""The systems that are compared: what each sends for a shape, and the worker that it needs."""

from __future__ import annotations

import gc
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from celery import chain, group
from celery_dyrygent.tasks import register_workflow_processor
from celery_dyrygent.workflows import Workflow

import rivals
from pypeline import bootstrap
from pypeline.config import Settings, load_config
from servers import Servers, database, delete_keys, delete_queue
from shapes import write_configuration
from tally import VARIABLE, Tally
from workers import Worker

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from shapes import Shape

_PAUSE = 0.001
_LARGE = 5_000  # nodes
_UNFINISHED = "SELECT DISTINCT state FROM pypeline_run WHERE state <> 'success'"


@dataclass(frozen=True, slots=True)
class Setting:
    """
    What is the same for all, but for folder and name.

    ``concurrency`` is processes of a worker, ``prefetch`` the messages that each of them has waiting.
    """

    servers: Servers
    folder: Path
    name: str
    concurrency: int = 2
    prefetch: int = 16


class Contestant(ABC):
    """One system on one broker, with one worker process. ``stack`` ends it."""

    title: ClassVar[str]
    app: ClassVar[str] = "rival_worker"
    takes_large: ClassVar[bool] = False
    is_profiled: ClassVar[bool] = False

    def __init__(self, setting: Setting, shapes: list[Shape], stack: ExitStack) -> None:
        self.setting = setting
        self.shapes = shapes
        self._stack = stack
        setting.folder.mkdir(parents=True)
        path = setting.folder / "tally"
        self.tally = Tally(path)
        self.expected = 0
        stack.callback(self.clean)
        self.environment = {VARIABLE: str(path), **self.variables()}
        self.worker = self._start()
        self.open()

    def variables(self) -> dict[str, str]:
        """What the environment tells its worker."""
        return {rivals.BROKER: self.setting.servers.broker, rivals.QUEUE: self.setting.name}

    @abstractmethod
    def open(self) -> None:
        """Make ready to send."""

    @abstractmethod
    def send(self, shape: Shape) -> None:
        """Start what runs the nodes of a shape, each once."""

    def settle(self, until: float) -> bool:
        """Wait until the system itself knows of the end, where it does; False past that monotonic time."""
        return time.monotonic() < until

    def takes(self, shape: Shape) -> bool:
        """False for what is not asked of it."""
        return self.takes_large or shape.nodes < _LARGE

    def clean(self) -> None:
        """Delete what is left on the servers."""
        broker = self.setting.servers.broker
        if broker.startswith("redis"):
            delete_keys(broker, f"{self.setting.name}:")
        else:
            delete_queue(broker, self.setting.name)

    def _start(self) -> Worker:
        setting = self.setting
        options = [
            *("-c", str(setting.concurrency), "--prefetch-multiplier", str(setting.prefetch)),
            *("-Q", setting.name, "-n", f"{setting.name}@%h", "-l", "warning"),
            *("--without-gossip", "--without-mingle"),
        ]
        worker = Worker(self.app, options, environment=self.environment, folder=setting.folder)
        self._stack.callback(worker.stop)
        return worker


class Bare(Contestant):
    """Plain tasks, no results: all sent at once, or each by the one before it in a chain."""

    title = "bare Celery tasks"
    takes_large = True
    is_profiled = True

    def open(self) -> None:
        """Make the application that sends."""
        self._app = rivals.make_app(self.environment)

    def send(self, shape: Shape) -> None:
        """Send a task for each node, or the first one of a chain."""
        if shape.is_chain:
            self._app.tasks[rivals.HOP].apply_async((shape.nodes,))
            return
        node = self._app.tasks[rivals.NODE]
        for _ in range(shape.nodes):
            node.apply_async()


class Canvas(Contestant):
    """
    Celery's own: a chain of the levels of the DAG, each one of several nodes a group; results in Redis.

    Between two groups stands a task of its own, which makes chords of them: Celery 5.7 runs the tasks of
    groups that follow each other directly several times.
    """

    title = "native canvas"

    def variables(self) -> dict[str, str]:
        """With a result backend."""
        return super().variables() | {rivals.RESULTS: self.setting.servers.results}

    def open(self) -> None:
        """Make the application that sends."""
        self._app = rivals.make_app(self.environment)
        self._stack.callback(self._forget_results)

    def send(self, shape: Shape) -> None:
        """Send a canvas for each run."""
        for _ in range(shape.runs):
            self._canvas(shape).apply_async()

    def clean(self) -> None:
        """Delete the results too."""
        super().clean()
        delete_keys(self.setting.servers.results, f"{self.setting.name}:")

    def _forget_results(self) -> None:
        # Celery keeps what nobody fetched to the end of the process, where unsubscribing fails.
        backend: Any = self._app.backend
        backend._pending_results.concrete.clear()  # noqa: SLF001
        backend.result_consumer.stop()
        gc.collect()

    def _canvas(self, shape: Shape) -> Any:
        node, join = self._app.tasks[rivals.NODE], self._app.tasks[rivals.JOIN]
        links: list[Any] = []
        for before, level in pairwise([[], *shape.levels()]):
            if len(before) > 1 and len(level) > 1:
                links.append(join.si())
            links.append(group(node.si() for _ in level) if len(level) > 1 else node.si())
        return chain(*links)


class Dyrygent(Canvas):
    """celery-dyrygent, told to look at its workflow as often as it can: once a second."""

    title = "celery-dyrygent"

    def open(self) -> None:
        """Make the application that sends, with the task that looks."""
        super().open()
        register_workflow_processor(self._app)

    def send(self, shape: Shape) -> None:
        """Send a workflow for each run."""
        for _ in range(shape.runs):
            self._workflow(shape).apply_async()

    def _workflow(self, shape: Shape) -> Workflow:
        node = self._app.tasks[rivals.NODE]
        workflow = Workflow()
        workflow.set_retry_policy("random", 1, 1)
        nodes: dict[str, Any] = {}
        for name, parents in shape.parents().items():
            signature = node.si()
            signature.freeze()
            nodes[name] = workflow.add_signature(signature, [nodes[parent] for parent in parents])
        return workflow


class Pypeline(Contestant):
    """PypeLine on a fresh PostgreSQL database; it has ended when its runs have, in the database."""

    title = "PypeLine"
    app = "pypeline.celery"
    takes_large = True
    is_profiled = True

    def variables(self) -> dict[str, str]:
        """A configuration with all the shapes, and a database of the schema."""
        path = self.setting.folder / "sermos.yaml"
        handler = "benchmark_handlers.counted"
        write_configuration(path, self.shapes, handler=handler, queue=self.setting.name)
        variables = {
            "PYPELINE_APP": self.setting.name,
            "PYPELINE_BROKER_URL": self.setting.servers.broker,
            "PYPELINE_DEFAULT_QUEUE": self.setting.name,
            "PYPELINE_CONFIG": str(path),
            "PYPELINE_DATABASE_URL": self._stack.enter_context(database(self.setting.servers.postgresql)),
        }
        bootstrap.upgrade_database(Settings.load(variables, folder=self.setting.folder))
        return variables

    def open(self) -> None:
        """Wire what starts runs, and look at them over a connection of its own."""
        settings = Settings.load(self.environment, folder=self.setting.folder)
        config = load_config(self.environment["PYPELINE_CONFIG"], env=settings.environment)
        self._system = self._stack.enter_context(bootstrap.build(settings, config))
        self._looking = psycopg.connect(settings.database_url, autocommit=True, prepare_threshold=0)
        self._stack.callback(self._looking.close)

    def send(self, shape: Shape) -> None:
        """Start the runs."""
        for _ in range(shape.runs):
            self._system.application.invoke(shape.pipeline_id, trigger="python")

    def settle(self, until: float) -> bool:
        """Wait until every run has succeeded. Raises RuntimeError where one ended otherwise."""
        while time.monotonic() < until:
            if not self._has_open_runs():
                return True
            time.sleep(_PAUSE)
        return False

    def _has_open_runs(self) -> bool:
        states = {state for (state,) in self._looking.execute(_UNFINISHED)}
        if states - {"pending", "running"}:
            raise RuntimeError(f"a run of PypeLine ended {states}")
        return bool(states)
