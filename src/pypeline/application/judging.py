"""From facts to findings: configuration, database, broker and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.application.checks import Check, Checkup, Level, Part
from pypeline.application.judging_schedules import judge_schedules, scheduler_document, task_queues
from pypeline.application.judging_workers import MOST_SKEW, judge_services, judge_workers, worker_document
from pypeline.application.listeners import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pypeline.application.facts import BrokerFacts, BrokerQueue, DatabaseFacts, Facts
    from pypeline.config import Config
    from pypeline.store.records import QueueRecord


def judge(facts: Facts) -> Checkup:
    """Everything that can be said of an installation, in the order in which one mends it."""
    checks = [*_configuration(facts), *_database(facts.database)]
    if facts.broker is not None:
        checks += _broker(facts.broker)
        if facts.database.error is None:
            checks += [*_queues(facts), *judge_workers(facts), *judge_services(facts)]
    else:
        text = "none is set: runs are embedded, in the process that starts them, and need no worker"
        checks.append(Check(Part.BROKER, Level.OK, text))
    if facts.database.error is None:
        checks += judge_schedules(facts)
    return Checkup(
        tuple(checks),
        facts.database.answers,
        queues=[] if facts.broker is None else [_queue_document(facts, name) for name in queue_names(facts)],
        workers=[worker_document(worker) for worker in facts.database.workers],
        schedulers=[scheduler_document(beat) for beat in facts.database.beats],
    )


def queue_names(facts: Facts) -> list[str]:
    """The queues that configuration and schedules send to, and those in which nodes wait."""
    waiting = {queue.name for queue in facts.database.queues if queue.queued}
    needed = () if facts.config is None else facts.config.sent_to(facts.default_queue)
    return sorted(waiting.union(needed, task_queues(facts)))


def longest_limit(config: Config | None) -> float | None:
    """The longest ``maxTtl`` of the configuration in seconds; None where a node has none."""
    limits = (
        []
        if config is None
        else [step.max_ttl for name in config.pipelines for step in config.plan(name).steps]
    )
    known = [limit for limit in limits if limit is not None]
    return max(known, default=0.0) if len(known) == len(limits) else None


def _configuration(facts: Facts) -> Iterator[Check]:
    for fault in facts.faults:
        yield Check(Part.CONFIGURATION, Level.PROBLEM, fault, remedy="`pypeline validate` checks it again")
    if facts.config is not None:
        for warning in facts.config.warnings:
            yield Check(Part.CONFIGURATION, Level.WARNING, str(warning))
        number = len(facts.config.pipelines)
        text = f"{facts.config.path}: {number:,} pipeline{'' if number == 1 else 's'}, no fault"
        yield Check(Part.CONFIGURATION, Level.OK, text)


def _database(database: DatabaseFacts) -> Iterator[Check]:
    if database.error is not None:
        yield Check(Part.DATABASE, Level.PROBLEM, database.error.removeprefix("database "))
        return
    text = (
        f"{database.url} answers; its schema is at level {database.level}" if database.level else database.url
    )
    yield Check(Part.DATABASE, Level.OK, text)
    if abs(database.ahead) > MOST_SKEW:
        yield Check(
            Part.DATABASE,
            Level.WARNING,
            f"the clock of this host is {_off(database.ahead)} the database's",
            remedy="synchronise both with NTP; runs go by the database's clock alone",
        )


def _broker(broker: BrokerFacts) -> Iterator[Check]:
    if broker.error is not None:
        yield Check(
            Part.BROKER,
            Level.PROBLEM,
            f"{broker.url} does not answer: {broker.error}",
            remedy="check PYPELINE_BROKER_URL and that the server runs; accepted runs wait for it",
        )
        return
    known = " ".join(part for part in (broker.product, broker.version) if part)
    yield Check(Part.BROKER, Level.OK, f"{broker.url} answers{f': {known}' if known else ''}")
    for remark in broker.remarks:
        yield Check(Part.BROKER, Level.WARNING, remark.problem, about=remark.about, remedy=remark.remedy)


def _queues(facts: Facts) -> Iterator[Check]:
    waiting = {queue.name: queue for queue in facts.database.queues}
    at_broker = _at_broker(facts)
    for name in queue_names(facts):
        yield judge_queue(facts, name, waiting.get(name), at_broker.get(name))


def judge_queue(
    facts: Facts, name: str, waiting: QueueRecord | None, found: BrokerQueue | None = None
) -> Check:
    """What is to be said of a queue: ``waiting`` is what the database knows of it, ``found`` the broker."""
    queued = waiting.queued if waiting else 0
    oldest = waiting.oldest if waiting and waiting.oldest else 0.0
    depth = f"{queued:,} queued" + (f", the oldest for {oldest:,.0f} s" if queued else "")
    if not readers(facts, name):
        return Check(
            Part.QUEUE,
            Level.PROBLEM if queued else Level.WARNING,
            f"no worker listens; {depth}",
            about=name,
            remedy=f"start one: `{_starting(facts, name)}`",
        )
    claimed = waiting.claimed if waiting else None
    if oldest > facts.lease and (claimed is None or claimed > facts.lease):
        return Check(
            Part.QUEUE,
            Level.PROBLEM,
            f"its workers have taken nothing for {facts.lease:g} s or more; {depth}",
            about=name,
            remedy="look at their logs, and restart them if those are silent",
        )
    kind = f"{found.kind}, " if found is not None and found.kind else ""
    count = len(readers(facts, name))
    return Check(
        Part.QUEUE, Level.OK, f"{kind}{count:,} worker{'' if count == 1 else 's'}, {depth}", about=name
    )


def readers(facts: Facts, queue: str) -> list[str]:
    """The live workers of this application that read a queue."""
    return [
        worker.worker_id
        for worker in facts.database.workers
        if worker.app == facts.app and is_alive(worker, facts.lease) and queue in worker.queues
    ]


def _starting(facts: Facts, queue: str) -> str:
    config = facts.config
    services = [] if config is None else [(one.name, config) for one in config.services]
    names = [name for name, config in services if queue in config.queues(name, facts.default_queue)]
    return f"pypeline worker --name {names[0]}" if names else f"pypeline worker -Q {queue}"


def _at_broker(facts: Facts) -> dict[str, BrokerQueue]:
    queues: Iterable[BrokerQueue] = () if facts.broker is None else facts.broker.queues
    return {queue.name: queue for queue in queues}


def _queue_document(facts: Facts, name: str) -> dict[str, Any]:
    waiting = {queue.name: queue for queue in facts.database.queues}.get(name)
    found = _at_broker(facts).get(name)
    return {
        "name": name,
        "kind": None if found is None else found.kind,
        "messages": None if found is None else found.messages,
        "queued": waiting.queued if waiting else 0,
        "oldest_seconds": waiting.oldest if waiting else None,
        "claimed_seconds_ago": waiting.claimed if waiting else None,
        "workers": readers(facts, name),
    }


def _off(ahead: float) -> str:
    return f"{abs(ahead):,.1f} s {'ahead of' if ahead > 0 else 'behind'}"
