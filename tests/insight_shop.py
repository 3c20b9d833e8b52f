"""An application with pipelines, of which tests start runs and play the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application import Application
from pypeline.config import Settings, load_config, plan_from_document
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.runs.outcome import ErrorInfo, Failed, Succeeded
from pypeline.store.records import WorkerBeat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pypeline.runs.outcome import Outcome
    from pypeline.store.sql_store import SqlStore

BROKER = "amqp://here//"
CONFIG = """
serviceConfig:
  - name: cleaners
    registeredTasks:
      - {handler: demo.tasks.extract}
      - {handler: demo.tasks.clean}
pipelines:
  load:
    description: Loads what came in.
    schemaVersion: 1
    config:
      metadata: {queue: q, maxRetry: 1}
      dagAdjacency: {extract: [clean]}
      taskDefinitions:
        extract: {handler: demo.tasks.extract}
        clean: {handler: demo.tasks.clean, queue: slow, maxTtl: 60}
  each:
    schemaVersion: 1
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {list: [map]}
      taskDefinitions:
        list: {handler: demo.tasks.extract}
        map: {handler: demo.tasks.clean, forEach: list}
"""


class Shop:
    """The use cases on a store, and a broker that keeps what was sent."""

    def __init__(self, folder: Path, store: SqlStore, *, broker: str = BROKER, config: str = CONFIG) -> None:
        path = folder / "sermos.yaml"
        path.write_text(config)
        self.store = store
        self.sent: list[Any] = []
        self.engine = Engine(store, self, identity=Identity("shop", broker), load_plan=_load_plan)
        settings = Settings(folder=folder, app=store.insights.app)
        self.application = Application(self.engine, load_config(path, env={}), settings)
        self.insights = self.application.insights

    def send(self, messages: list[Any]) -> None:
        """As a dispatcher."""
        self.sent.extend(messages)

    def run(self, pipeline_id: str, answer: Callable[[Any], Outcome] | None = None) -> str:
        """Start a run, and work until nothing is queued any more."""
        run_id = self.application.invoke(pipeline_id, trigger="cli")
        while self.sent:
            work = self.engine.claim(self.sent.pop(0).ref)
            self.engine.record(work, (answer or succeed)(work))
        return run_id

    def queue(self, pipeline_id: str) -> str:
        """Start a run whose messages nobody takes."""
        run_id = self.application.invoke(pipeline_id, trigger="cli")
        self.sent.clear()
        return run_id

    def beat(self, worker_id: str, *queues: str, concurrency: int = 4, **more: Any) -> None:
        """A worker gives a sign of life."""
        said = WorkerBeat(worker_id, self.engine.identity.broker, queues, concurrency=concurrency, **more)
        self.store.beat(said, [], lease=30)


def succeed(work: Any) -> Outcome:
    """A list for what is mapped over, else one."""
    if work.step.name == "list":
        return Succeeded(None, ("1", "2", "3"))
    return Succeeded("1")


def failing(name: str, message: str = "no luck", *, items: tuple[int, ...] = ()) -> Callable[[Any], Outcome]:
    """A worker at which one node always fails, of its items only these."""

    def answer(work: Any) -> Outcome:
        if work.step.name != name or (items and work.claim.ref.item not in items):
            return succeed(work)
        trace = f'Traceback\n  File "/srv/demo/tasks.py", line 8, in {name}\n    raise\nValueError: {message}'
        return Failed(ErrorInfo("ValueError", message, trace), final=True, log="said so")

    return answer


def _load_plan(name: str, document: Any) -> Any:
    return plan_from_document(name, document, env={})
