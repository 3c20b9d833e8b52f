"""Each process of a worker has a staff of its own, from its start to its end."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from celery import Celery, signals

from celery_fakes import FakeEngine, a_ref, a_work, succeed, wait_until
from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import Succeeded
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.workers import hooks, process
from pypeline.tasks.workers.hooks import attach
from pypeline.tasks.workers.process import PerProcess
from pypeline.tasks.workers.staff import Role, Staff, worker_id
from pypeline.tasks.workers.upkeep import Upkeep

WORKER_SIGNALS = (
    signals.celeryd_init,
    signals.worker_init,
    signals.worker_ready,
    signals.worker_process_init,
    signals.worker_shutting_down,
    signals.worker_shutdown,
    signals.worker_process_shutdown,
)
PARENT = 4321


class Company:
    """Hires staff, and remembers whom it hired for which post, and how many have gone."""

    def __init__(self) -> None:
        self.hired: list[Staff] = []
        self.posts = []
        self.gone = 0
        self.engine = FakeEngine()
        self.execute = succeed

    def hire(self, post) -> Staff:
        nodes = NodeWorker(self.engine, self._execute)
        upkeep = None if post.role is Role.CHILD else Upkeep(interval=60)
        staff = Staff(nodes, upkeep, self.leave)
        self.hired.append(staff)
        self.posts.append(post)
        return staff

    def leave(self) -> None:
        self.gone += 1

    def _execute(self, work):
        return self.execute(work)


@pytest.fixture
def company(monkeypatch):
    for signal in WORKER_SIGNALS:
        monkeypatch.setattr(signal, "receivers", [])
    monkeypatch.setattr(process.atexit, "register", lambda _: None)
    company = Company()
    yield company
    for staff in company.hired:
        if staff.upkeep is not None:
            staff.upkeep.stop()


@pytest.fixture
def app():
    return Celery("mine", set_as_current=False)


class Sender:
    """What Celery's signals name as their sender."""

    def __init__(self, app: Celery, **attributes: object) -> None:
        self.app = app
        self.__dict__.update(attributes)


def a_controller(app: Celery, pool: str = "threads") -> Sender:
    return Sender(app, pool_cls=pool)


def be_process(monkeypatch, pid: int, *, parent: int = PARENT) -> None:
    for module in (process, hooks):
        monkeypatch.setattr(module.os, "getpid", lambda: pid)
        monkeypatch.setattr(module.os, "getppid", lambda: parent)


def test_the_staff_is_made_when_it_is_first_needed_and_once(company):
    here = PerProcess(company.hire)
    assert not company.hired

    here.perform(a_ref(1))
    here.perform(a_ref(2))

    assert len(company.hired) == 1
    assert [ref.item for ref, _ in company.engine.recorded] == [1, 2]


def test_a_forked_process_makes_its_own(company, monkeypatch):
    here = PerProcess(company.hire)
    parents = here.begin()

    be_process(monkeypatch, -1)

    assert here.begin() is not parents


def test_a_forked_process_leaves_the_parents_staff_alone(company, monkeypatch):
    here = PerProcess(company.hire)
    here.begin()

    be_process(monkeypatch, -1)
    here.end()

    assert company.gone == 0


def test_ending_gives_back_stops_and_closes(company):
    here = PerProcess(company.hire)
    staff = here.begin()

    here.end()
    here.end()

    assert company.gone == 1
    assert not staff.upkeep._thread.is_alive()


def test_the_main_process_of_a_prefork_worker_is_a_parent(company, app):
    attach(app, PerProcess(company.hire))

    signals.worker_init.send(sender=a_controller(app, "prefork"))
    signals.worker_ready.send(sender=Sender(app, pool=SimpleNamespace(limit=3)))

    [post] = company.posts
    assert (post.role, post.pool, post.concurrency, post.queues) == (Role.PARENT, "prefork", 3, ("celery",))


def test_the_main_process_of_any_other_worker_is_the_whole_of_it(company, app):
    attach(app, PerProcess(company.hire))

    signals.worker_init.send(sender=a_controller(app, "threads"))
    signals.worker_ready.send(sender=Sender(app))

    assert [(post.role, post.pool) for post in company.posts] == [(Role.WHOLE, "threads")]


def test_a_child_works_under_the_id_of_its_parent(company, app, monkeypatch):
    attach(app, PerProcess(company.hire))
    be_process(monkeypatch, PARENT)
    signals.worker_init.send(sender=a_controller(app, "prefork"))

    be_process(monkeypatch, 77)
    signals.worker_process_init.send(sender="celery@host")

    assert [(post.role, post.worker_id) for post in company.posts] == [(Role.CHILD, worker_id(PARENT))]


def test_a_child_that_was_not_forked_asks_the_system_who_its_parent_is(company, app, monkeypatch):
    attach(app, PerProcess(company.hire))

    be_process(monkeypatch, 77)
    signals.worker_process_init.send(sender="celery@host")

    assert [(post.role, post.worker_id) for post in company.posts] == [(Role.CHILD, worker_id(PARENT))]


def test_the_solo_pool_calls_the_main_process_a_child_and_is_not_believed(company, app):
    attach(app, PerProcess(company.hire))

    signals.worker_init.send(sender=a_controller(app, "solo"))
    signals.worker_process_init.send(sender="celery@host")

    assert company.posts == []


def test_the_staff_ends_with_its_worker(company, app):
    attach(app, PerProcess(company.hire))

    signals.worker_ready.send(sender=Sender(app))
    signals.worker_shutdown.send(sender=a_controller(app))

    assert company.gone == 1


def test_workers_of_other_applications_are_nothing_to_us(company, app):
    attach(app, PerProcess(company.hire))

    signals.worker_ready.send(sender=Sender(Celery("other", set_as_current=False)))

    assert not company.hired


def test_queues_are_chosen_and_handlers_checked_before_the_pool_is_made(company, app):
    done = []
    attach(
        app,
        PerProcess(company.hire),
        on_select=lambda: done.append("queues"),
        on_start=lambda: done.append("handlers"),
    )

    signals.celeryd_init.send(sender="celery@host", instance=a_controller(app))
    signals.worker_init.send(sender=a_controller(app))

    assert done == ["queues", "handlers"]


def test_a_worker_that_is_to_end_gives_back_what_outlasts_its_grace(company, app):
    begun, leave = threading.Event(), threading.Event()
    here = PerProcess(company.hire, others_run=lambda: True)
    attach(app, here, grace=0.05)
    signals.worker_ready.send(sender=Sender(app))

    def stay(_) -> Succeeded:
        begun.set()
        leave.wait(30)
        return Succeeded("late")

    company.execute = stay
    thread = threading.Thread(target=here.perform, args=(a_ref(5),))
    thread.start()
    begun.wait(30)
    signals.worker_shutting_down.send(sender="celery@host", how="Warm")
    wait_until(lambda: company.engine.given_back == [a_ref(5)])
    leave.set()
    thread.join(30)

    assert company.engine.recorded == []


def test_a_worker_that_is_to_end_waits_for_what_runs(company, app):
    begun, leave = threading.Event(), threading.Event()
    here = PerProcess(company.hire)
    attach(app, here, grace=30.0)
    signals.worker_ready.send(sender=Sender(app))

    def stay(_) -> Succeeded:
        begun.set()
        leave.wait(30)
        return Succeeded("in time")

    company.execute = stay
    thread = threading.Thread(target=here.perform, args=(a_ref(5),))
    thread.start()
    begun.wait(30)
    signals.worker_shutting_down.send(sender="celery@host", how="Warm")
    leave.set()
    thread.join(30)
    wait_until(lambda: not here._ending._thread.is_alive())

    assert company.engine.recorded == [(a_ref(5), Succeeded("in time"))]
    assert company.engine.given_back == []


def test_a_process_that_is_told_to_end_in_the_middle_of_a_handler_gives_the_attempt_back():
    engine = FakeEngine()

    def interrupted(_) -> Succeeded:
        raise SystemExit

    with pytest.raises(SystemExit):
        NodeWorker(engine, interrupted).perform(a_ref(3))

    assert engine.given_back == [a_ref(3)]
    assert engine.recorded == []


def test_what_a_parent_hears_of_requests_without_an_attempt_is_dropped(company, app):
    here = PerProcess(company.hire)
    here.prepare("prefork")

    here.accepted("a request", ["no", "attempt"], 1)

    assert here._post.crew.refs() == frozenset()


def test_a_parent_holds_what_its_children_run(company):
    here = PerProcess(company.hire)
    here.prepare("prefork")
    ref = a_work().claim.ref

    here.accepted("first", [ref.run_id, ref.position, ref.item, ref.attempt], 1)
    here.accepted("again", [ref.run_id, ref.position, ref.item, ref.attempt], 2)
    here.released("again")

    assert here._post.crew.refs() == {ref}


def test_a_worker_waits_for_its_database(company):
    answers = iter([DatabaseUnavailable("postgresql://x", "gone"), None])
    pauses = []

    def hire(post) -> Staff:
        if (fault := next(answers)) is not None:
            raise fault
        return company.hire(post)

    PerProcess(hire).begin_main(pause=pauses.append)

    assert (len(pauses), len(company.hired)) == (1, 1)


def test_a_child_without_a_database_is_ready_all_the_same_and_begins_with_its_first_attempt(company):
    answers = iter([DatabaseUnavailable("postgresql://x", "gone"), None])

    def hire(post) -> Staff:
        if (fault := next(answers)) is not None:
            raise fault
        return company.hire(post)

    here = PerProcess(hire)
    here.begin_child(parent=PARENT, index=0)
    here.perform(a_ref(1))

    assert [ref.item for ref, _ in company.engine.recorded] == [1]


def test_a_worker_that_cannot_beat_ends(company, app):
    def hire(_) -> Staff:
        raise LookupError("no such table")

    attach(app, PerProcess(hire))

    with pytest.raises(SystemExit):
        signals.worker_ready.send(sender=Sender(app))
