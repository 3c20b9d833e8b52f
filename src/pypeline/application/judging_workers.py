"""From facts to findings: workers, and the services that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.checks import Check, Level, Part
from pypeline.application.listeners import is_alive
from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.application.facts import Facts
    from pypeline.config import Config
    from pypeline.store.records import WorkerRecord

MOST_SKEW = 5.0
"""Seconds that two clocks may differ before anybody is told."""


def judge_workers(facts: Facts) -> Iterator[Check]:
    """What is to be said of each worker of the application, and of strangers on its queues."""
    ours = [worker for worker in facts.database.workers if worker.app == facts.app]
    alive = [worker for worker in ours if is_alive(worker, facts.lease)]
    if not alive:
        remedy = "start one: `pypeline worker`"
        yield Check(Part.WORKER, Level.WARNING, "none lives: nothing takes up runs", remedy=remedy)
    for worker in ours:
        yield from _worker(facts, worker) if worker in alive else _silent(worker)
    yield from _strangers(facts)


def judge_services(facts: Facts) -> Iterator[Check]:
    """The services of the configuration that no live worker is."""
    alive = [w for w in facts.database.workers if w.app == facts.app and is_alive(w, facts.lease)]
    present = {worker.service for worker in alive}
    for service in () if facts.config is None or None in present else facts.config.services:
        if service.registered_tasks and service.name not in present:
            yield Check(
                Part.SERVICE,
                Level.WARNING,
                "no worker of it lives",
                about=service.name,
                remedy=f"start one: `pypeline worker --name {service.name}`",
            )


def worker_document(worker: WorkerRecord) -> dict[str, Any]:
    """A worker as JSON."""
    return {
        "worker": worker.worker_id,
        "app": worker.app,
        "service": worker.service,
        "queues": list(worker.queues),
        "pool": worker.pool,
        "concurrency": worker.concurrency,
        "version": worker.version,
        "started_at": format_time(worker.started_at),
        "seen_at": format_time(worker.seen_at),
        "silent_seconds": worker.silent,
        "clock_ahead_seconds": worker.skew,
    }


def _worker(facts: Facts, worker: WorkerRecord) -> Iterator[Check]:
    found = [*_on_version(facts, worker), *_on_clock(worker), *_on_pool(facts, worker)]
    if not found:
        service = f"{worker.service}, " if worker.service else ""
        text = f"{service}{worker.pool} -c {worker.concurrency}, reads {', '.join(worker.queues)}"
        yield Check(Part.WORKER, Level.OK, text, about=worker.worker_id)
    yield from found


def _silent(worker: WorkerRecord) -> Iterator[Check]:
    yield Check(
        Part.WORKER,
        Level.WARNING,
        f"silent for {worker.silent:,.0f} s: it was killed, or cannot reach the database",
        about=worker.worker_id,
        remedy="what it held goes on elsewhere; if it still runs, look at its log (forgotten after a day)",
    )


def _on_version(facts: Facts, worker: WorkerRecord) -> Iterator[Check]:
    if worker.version != facts.version:
        yield Check(
            Part.WORKER,
            Level.WARNING,
            f"runs PypeLine {worker.version or 'of an unknown version'}, this is {facts.version}",
            about=worker.worker_id,
            remedy="restart it on the same version once the deploy is through",
        )


def _on_clock(worker: WorkerRecord) -> Iterator[Check]:
    if abs(worker.skew) > MOST_SKEW:
        side = "ahead of" if worker.skew > 0 else "behind"
        yield Check(
            Part.WORKER,
            Level.WARNING,
            f"its clock is {abs(worker.skew):,.1f} s {side} the database's",
            about=worker.worker_id,
            remedy="synchronise its host with NTP; runs go by the database's clock, logs by its own",
        )


def _on_pool(facts: Facts, worker: WorkerRecord) -> Iterator[Check]:
    if worker.pool in facts.weak_pools and _has_limit(facts.config):
        yield Check(
            Part.WORKER,
            Level.WARNING,
            f"the pool {worker.pool} cannot enforce a hard time limit, but nodes have a maxTtl: "
            f"{facts.weak_pools[worker.pool]}",
            about=worker.worker_id,
            remedy="use --pool prefork where handlers may hang",
        )


def _strangers(facts: Facts) -> Iterator[Check]:
    ours = set() if facts.config is None else set(facts.config.sent_to(facts.default_queue))
    for worker in facts.database.workers:
        shared = ours.intersection(worker.queues)
        if worker.app != facts.app and is_alive(worker, facts.lease) and shared:
            yield Check(
                Part.WORKER,
                Level.PROBLEM,
                f"is of the application {worker.app}, but takes messages from {', '.join(sorted(shared))}",
                about=worker.worker_id,
                remedy="give each application queues of its own, or another broker",
            )


def _has_limit(config: Config | None) -> bool:
    if config is None:
        return False
    return any(step.max_ttl is not None for name in config.pipelines for step in config.plan(name).steps)
