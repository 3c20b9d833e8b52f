"""The engine: every step of a run's life, each one committed before anything is sent."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from pypeline.engine.dispatcher import messages_of
from pypeline.engine.plans import Plans
from pypeline.errors import DispatchFailed, NotPossible
from pypeline.runs.outcome import Failed
from pypeline.runs.states import Flag
from pypeline.store.records import AttemptRef, NewRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pypeline.engine.dispatcher import Dispatcher, Message
    from pypeline.engine.identity import Identity
    from pypeline.engine.plans import PlanLoader
    from pypeline.runs.outcome import ErrorInfo, Outcome
    from pypeline.runs.plan import Plan, Step
    from pypeline.runs.states import RunState
    from pypeline.store.base import Store
    from pypeline.store.records import Claim, Ready, Recorded, RunContext
    from pypeline.store.schedules.records import Fired
    from pypeline.types import JsonObject

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed attempt with all that its handler needs to know."""

    claim: Claim
    context: RunContext
    plan: Plan

    @property
    def step(self) -> Step:
        """The step of the plan that this attempt executes."""
        return self.plan.steps[self.claim.ref.position]

    @property
    def handler(self) -> str:
        """The dotted path that this run calls here."""
        return self.plan.handler(self.claim.ref.position, self.context.replacements)


class Engine:
    """
    Start, claim, record, give back, cancel, retry. Safe to use from several threads.

    A broker that is away never fails a call: what it did not take stays queued, and the sweep sends it again.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        *,
        identity: Identity,
        load_plan: PlanLoader,
        lease: float = 30.0,
        random: Random | None = None,
    ) -> None:
        self.store = store
        self.identity = identity
        self.lease = lease
        self.plans = Plans(store, load_plan)
        self._dispatcher = dispatcher
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._lock = threading.Lock()
        self._held: dict[AttemptRef, Claim] = {}
        self._claimed: dict[str, datetime] = {}
        self._flagged: frozenset[str] = frozenset()

    def start(
        self,
        plan: Plan,
        payload: JsonObject,
        *,
        trigger: str,
        replacements: Mapping[str, int] | None = None,
        idempotency: tuple[str, str] | None = None,
    ) -> str:
        """
        Create a run and dispatch its roots; answers its id.

        ``idempotency`` is a key and the hash of the body that came with it; a known key answers the run
        that it named.
        """
        key, body_hash = idempotency or (None, None)
        new = NewRun(
            run_id=str(uuid.uuid4()),
            payload=payload,
            trigger=trigger,
            broker=self.identity.broker,
            replacements=replacements or {},
            idempotency_key=key,
            body_hash=body_hash,
        )
        created = self.store.create_run(plan, new)
        self._send(messages_of(created.run_id, plan, new.replacements, created.ready))
        return created.run_id

    def start_all(self, plan: Plan, payloads: Iterable[JsonObject], *, trigger: str) -> list[str]:
        """Create a run for each payload, all of them or none, and dispatch them; answers their ids."""
        broker = self.identity.broker
        news = [NewRun(str(uuid.uuid4()), payload, trigger, broker) for payload in payloads]
        created = self.store.create_runs([(plan, new) for new in news])
        self._send([message for run in created for message in messages_of(run.run_id, plan, {}, run.ready)])
        return [run.run_id for run in created]

    def claim(self, ref: AttemptRef, *, token: str | None = None) -> Work | None:
        """
        The attempt as work to do, or None where the message is a copy or comes too late.

        Safe to repeat with the same ``token`` (32 hex digits, random), should the reply be lost.
        """
        token = token or uuid.uuid4().hex
        claim = self.store.claim(ref, token=token, worker=self.identity.worker_id, lease=self.lease)
        if claim is None:
            return None
        work = self._work(claim)
        with self._lock:
            self._held[ref] = claim
        self._note_claims({work.step.queue: claim.sent_at})
        return work

    def record(self, work: Work, outcome: Outcome) -> Recorded:
        """
        Store how an attempt ended and dispatch what it unlocked.

        Safe to repeat: a second report of the same attempt changes nothing.
        """
        delay = None
        if isinstance(outcome, Failed) and not outcome.final:
            delay = self._delay(work.step, work.claim.tries + 1)
        recorded = self.store.record(work.plan, work.claim, outcome, delay=delay)
        self.let_go(work.claim.ref)
        self.dispatch(work.claim.ref.run_id, recorded.ready)
        return recorded

    def give_back(self, work: Work) -> None:
        """Hand a running attempt to another worker, uncharged; in a flagged run it ends."""
        run_id = work.claim.ref.run_id
        ready = self.store.give_back(work.claim)
        self.let_go(work.claim.ref)
        if ready is None:
            return
        if self.store.flagged_among((run_id,)):
            self.cancel(run_id)
        else:
            self.dispatch(run_id, (ready,))

    def cancel(self, run_id: str, flag: Flag = Flag.CANCEL) -> RunState:
        """End what waits in a run; what runs is told and may end by itself. Answers the state after."""
        return self.store.cancel(self.plans.of_run(run_id), run_id, flag)

    def retry(self, run_id: str, *, from_node: str | None = None) -> None:
        """Open a finished run again: what did not succeed, and everything from ``from_node`` on."""
        plan = self.plans.of_run(run_id)
        start = None if from_node is None else plan.position(from_node)
        if not self.store.run_state(run_id).is_terminal:
            raise NotPossible(run_id, "it has not finished; cancel it first, or wait for it")
        ready = self.store.reset(plan, run_id, from_position=start, broker=self.identity.broker)
        self.dispatch(run_id, ready)

    def take_over(self, run_id: str, *, owner: str) -> None:
        """Continue a run of another process that is gone; what succeeded there is kept."""
        plan = self.plans.of_run(run_id)
        ready = self.store.take_over(plan, run_id, owner=owner, broker=self.identity.broker)
        self.dispatch(run_id, ready)

    def beat(self, children: Iterable[AttemptRef] = ()) -> None:
        """
        Say that this worker lives, renew the leases that it holds, learn which runs are flagged.

        ``children`` are the attempts that its child processes run under its worker id.
        """
        with self._lock:
            held = {*self._held, *children}
        claimed = self._take_claims()
        try:
            self._flagged = self.store.beat(self.identity.beat(claimed), held, lease=self.lease)
        except BaseException:
            self._note_claims(claimed)
            raise

    def report_claims(self) -> None:
        """Say which messages were claimed: for a process that has claims but no beat of its own."""
        claimed = self._take_claims()
        try:
            self.store.note_claims(self.identity.broker, claimed)
        except BaseException:
            self._note_claims(claimed)
            raise

    def adopt(self, ref: AttemptRef) -> Work | None:
        """The running attempt of a child that has died, as work; None if this worker does not hold it."""
        claim = self.store.held(ref, worker=self.identity.worker_id)
        return None if claim is None else self._work(claim)

    def retire(self) -> None:
        """Leave no trace: this worker ends well."""
        self.store.forget_worker(self.identity.worker_id)

    def is_flagged(self, run_id: str) -> bool:
        """True once a beat has learnt that this run was cancelled or is past its deadline."""
        return run_id in self._flagged

    def lose(self, plan: Plan, lost: Claim, error: ErrorInfo) -> float | None:
        """
        Charge an attempt whose lease has lapsed, as a failure like any other.

        Answers the seconds until the next attempt; None where there is none.
        """
        delay = self._delay(plan.steps[lost.ref.position], lost.tries + 1)
        recorded = self.store.lose(plan, lost, delay=delay, error=error)
        self.dispatch(lost.ref.run_id, recorded.ready)
        return delay

    def dispatch(self, run_id: str, ready: Iterable[Ready]) -> None:
        """Send what a transaction queued, after its commit: a worker may be faster than a commit."""
        nodes = tuple(ready)
        if nodes:
            context = self.plans.context(run_id)
            self._send(messages_of(run_id, self.plans.of(context), context.replacements, nodes))

    def dispatch_fired(self, fired: Iterable[Fired]) -> None:
        """Send what schedules started, after the commit, in one go."""
        self._send(
            [
                message
                for one in fired
                if one.run_id and one.plan
                for message in messages_of(one.run_id, one.plan, {}, one.ready)
            ]
        )

    def _send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        try:
            self._dispatcher.send(messages)
        except DispatchFailed as error:
            run_ids = sorted({message.ref.run_id for message in messages})
            runs = f"run {run_ids[0]}" if len(run_ids) == 1 else f"{len(run_ids)} runs"
            logger.warning("%s: %s nodes wait for the broker: %s", runs, len(messages), error)

    def _work(self, claim: Claim) -> Work:
        context = self.plans.context(claim.ref.run_id)
        return Work(claim, context, self.plans.of(context))

    def _take_claims(self) -> dict[str, datetime]:
        with self._lock:
            claimed, self._claimed = self._claimed, {}
        return claimed

    def _note_claims(self, claimed: Mapping[str, datetime]) -> None:
        with self._lock:
            for queue, sent_at in claimed.items():
                self._claimed[queue] = max(sent_at, self._claimed.get(queue, sent_at))

    def _delay(self, step: Step, tries: int) -> float | None:
        return step.retry.delay(tries, self._random) if step.retry.allows(tries) else None

    def let_go(self, ref: AttemptRef) -> None:
        """Renew the lease of this attempt no more: it is recorded, or nobody here can record it."""
        with self._lock:
            self._held.pop(ref, None)
