"""What a meter reads of an application."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pypeline.application.insights.metric import Metric, Sample, labelled, single
from pypeline.application.insights.sources import alive_among
from pypeline.application.judging_schedules import MOST_OVERDUE, SILENCE
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pypeline.application.facts import Facts
    from pypeline.application.insights.sources import Sources
    from pypeline.runs.states import RunState
    from pypeline.store.insights.records import AttemptTally, NodeTally
    from pypeline.store.records import QueueRecord

HOUR = 3600.0
MOST_NODES = 100_000

_IN_RUNS = "in runs that are open or were created within the last hour"
_OF_NODES = f"{_IN_RUNS}, of at most {MOST_NODES:,} nodes and items"
_RUN, _NODE, _ATTEMPT, _QUEUE = (
    ("pipeline", "state"),
    ("pipeline", "node"),
    ("pipeline", "outcome"),
    ("queue",),
)


def collect_metrics(sources: Sources) -> list[Metric]:
    """All metrics, as they are now."""
    facts = sources.facts()
    insights = sources.store.insights
    return [
        *_runs(insights.open_runs(), insights.ended_within(HOUR)),
        *_nodes(insights.node_tallies(HOUR, limit=MOST_NODES)),
        *_attempts(insights.attempt_tallies(HOUR)),
        *_queues(facts.database.queues),
        *_workers(facts, insights.busy()),
        *_schedules(sources),
    ]


def _runs(
    unfinished: Mapping[tuple[str, RunState], int], ended: Mapping[tuple[str, RunState], int]
) -> Iterator[Metric]:
    yield labelled("pypeline_runs", "Runs that have not ended, now.", _RUN, _by_state(unfinished))
    about = "Runs that ended within the last hour, of the newest 50,000 that were created within 8 days."
    yield labelled("pypeline_recent_runs_ended", about, _RUN, _by_state(ended))


def _by_state(counts: Mapping[tuple[str, RunState], int]) -> dict[tuple[str, ...], float]:
    return {(pipeline_id, state.value): number for (pipeline_id, state), number in counts.items()}


def _nodes(tallies: Sequence[NodeTally]) -> Iterator[Metric]:
    states = dict.fromkeys(NodeState, 0)
    seconds, ended, waited, claimed = (defaultdict[tuple[str, ...], float](float) for _ in range(4))
    for tally in tallies:
        states[tally.state] += tally.count
        node, queue = (tally.pipeline_id, tally.name), (tally.queue,)
        seconds[node] += tally.seconds
        ended[node] += tally.ended
        waited[queue] += tally.waited
        claimed[queue] += tally.claimed
    samples = (Sample(number, {"state": state.value}) for state, number in states.items())
    yield Metric("pypeline_nodes", f"Nodes and items by state, {_OF_NODES}.", tuple(samples))
    about = f"Seconds that the last attempts of nodes took, {_OF_NODES}."
    yield labelled("pypeline_recent_node_seconds", about, _NODE, seconds)
    about = f"Nodes and items that pypeline_recent_node_seconds is the sum of, {_OF_NODES}."
    yield labelled("pypeline_recent_nodes_timed", about, _NODE, ended)
    about = f"Seconds that nodes were in a queue before a worker claimed them, {_OF_NODES}."
    yield labelled("pypeline_recent_claim_wait_seconds", about, _QUEUE, waited)
    about = f"Claims that pypeline_recent_claim_wait_seconds is the sum of, {_OF_NODES}."
    yield labelled("pypeline_recent_claims", about, _QUEUE, claimed)


def _attempts(tallies: Sequence[AttemptTally]) -> Iterator[Metric]:
    outcomes: dict[tuple[str, ...], float] = {
        (tally.pipeline_id, tally.outcome): float(tally.count) for tally in tallies
    }
    retries: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for tally in tallies:
        retries[tally.pipeline_id,] += tally.retried
    about = f"Attempts that failed, or were lost and mended by the sweep, within the last hour, {_IN_RUNS}."
    yield labelled("pypeline_recent_failed_attempts", about, _ATTEMPT, outcomes)
    about = f"Those of pypeline_recent_failed_attempts that are followed by another attempt, {_IN_RUNS}."
    yield labelled("pypeline_recent_retries", about, ("pipeline",), retries)


def _queues(queues: Sequence[QueueRecord]) -> Iterator[Metric]:
    depth: dict[tuple[str, ...], float] = {(queue.name,): float(queue.queued) for queue in queues}
    oldest: dict[tuple[str, ...], float] = {(queue.name,): queue.oldest or 0.0 for queue in queues}
    yield labelled("pypeline_queue_depth", "Nodes that wait for a worker in a queue, now.", _QUEUE, depth)
    about = "Seconds that the node has waited which waits longest in a queue, now; 0 where none does."
    yield labelled("pypeline_queue_oldest_wait_seconds", about, _QUEUE, oldest)


def _workers(facts: Facts, busy: Mapping[str, int]) -> Iterator[Metric]:
    alive = alive_among(facts)
    yield single("pypeline_workers_alive", "Workers with a sign of life within a lease, now.", len(alive))
    slots = sum(worker.concurrency for worker in alive)
    yield single("pypeline_worker_slots", "Attempts that live workers can run at once, now.", slots)
    yield single("pypeline_attempts_running", "Attempts that workers run now.", sum(busy.values()))


def _schedules(sources: Sources) -> Iterator[Metric]:
    insights = sources.store.insights
    late, outlook = insights.lateness(HOUR), insights.outlook(grace=MOST_OVERDUE)
    window = "of the runs that schedules started within the last hour; 0 where there is none"
    yield single(
        "pypeline_recent_schedule_starts", "Runs that schedules started within the last hour.", late.count
    )
    mean = late.total / late.count if late.count else 0.0
    yield single(
        "pypeline_schedule_lateness_mean_seconds", f"Mean seconds from due time to start, {window}.", mean
    )
    yield single(
        "pypeline_schedule_lateness_max_seconds", f"Most seconds from due time to start, {window}.", late.most
    )
    about = f"Schedules that have been due for more than {MOST_OVERDUE:g} s, now; at most 1,000 are counted."
    yield single("pypeline_schedules_overdue", about, len(outlook.overdue))
    beats = sources.store.schedules.beats()
    alive = sum(beat.silent <= SILENCE for beat in beats)
    about = f"Schedulers with a sign of life within {SILENCE:g} s, now."
    yield single("pypeline_schedulers_alive", about, alive)
