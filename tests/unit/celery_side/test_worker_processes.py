"""Each worker process has a node worker of its own."""

from __future__ import annotations

import pytest
from celery import Celery, signals

from celery_fakes import FakeEngine, a_ref, succeed
from pypeline.tasks import process
from pypeline.tasks.process import PerProcess, Staff, attach
from pypeline.tasks.upkeep import Upkeep
from pypeline.tasks.worker import NodeWorker

WORKER_SIGNALS = (
    signals.worker_ready,
    signals.worker_process_init,
    signals.worker_shutdown,
    signals.worker_process_shutdown,
)


class AWorker:
    """What Celery's signals name as their sender."""

    def __init__(self, app: Celery) -> None:
        self.app = app


class Company:
    """Makes staff, and remembers whom it made and who has gone."""

    def __init__(self) -> None:
        self.hired: list[Staff] = []
        self.gone = 0
        self.engine = FakeEngine()

    def hire(self) -> Staff:
        staff = Staff(NodeWorker(self.engine, succeed), Upkeep(interval=60), self.leave)
        self.hired.append(staff)
        return staff

    def leave(self) -> None:
        self.gone += 1


@pytest.fixture
def company(monkeypatch):
    for signal in WORKER_SIGNALS:
        monkeypatch.setattr(signal, "receivers", [])
    company = Company()
    yield company
    for staff in company.hired:
        staff.upkeep.stop()


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

    monkeypatch.setattr(process.os, "getpid", lambda: -1)

    assert here.begin() is not parents


def test_a_forked_process_leaves_the_parents_staff_alone(company, monkeypatch):
    here = PerProcess(company.hire)
    here.begin()

    monkeypatch.setattr(process.os, "getpid", lambda: -1)
    here.end()

    assert company.gone == 0


def test_ending_gives_back_stops_and_closes(company):
    here = PerProcess(company.hire)
    staff = here.begin()

    here.end()
    here.end()

    assert company.gone == 1
    assert not staff.upkeep._thread.is_alive()


@pytest.mark.parametrize("begin", [signals.worker_ready, signals.worker_process_init])
def test_a_worker_that_is_ready_has_its_staff_at_work(company, begin):
    app = Celery("mine", set_as_current=False)
    attach(app, PerProcess(company.hire))

    begin.send(sender=None)

    assert company.hired[0].upkeep._thread.is_alive()


def test_the_staff_ends_with_its_worker(company):
    app = Celery("mine", set_as_current=False)
    attach(app, PerProcess(company.hire))

    signals.worker_ready.send(sender=AWorker(app))
    signals.worker_shutdown.send(sender=AWorker(app))

    assert company.gone == 1


def test_workers_of_other_applications_are_nothing_to_us(company):
    attach(Celery("mine", set_as_current=False), PerProcess(company.hire))

    signals.worker_ready.send(sender=AWorker(Celery("other", set_as_current=False)))

    assert not company.hired
