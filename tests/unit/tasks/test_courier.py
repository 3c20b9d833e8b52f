"""Sending that nobody waits for."""

from __future__ import annotations

import logging
import threading

import pytest

from pypeline.engine.dispatcher import Message
from pypeline.errors import DispatchFailed
from pypeline.store.records import AttemptRef
from pypeline.tasks.scheduling.courier import Courier


class Broker:
    """Takes messages once it is let; fails as often as it is told to."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.sent: list[Message] = []
        self.calls = 0
        self.open = threading.Event()
        self.closed = threading.Event()

    def send(self, messages):
        assert self.open.wait(10)
        self.calls += 1
        if self.faults and (fault := self.faults.pop(0)):
            raise fault
        self.sent += messages


def message(number):
    return Message(AttemptRef("run", number, -1, 1), "a.b", "q")


def courier(broker, **options):
    return Courier(broker, close=broker.closed.set, **options)


def test_whoever_sends_does_not_wait_and_the_order_is_kept():
    broker = Broker()
    sender = courier(broker)
    messages = [message(number) for number in range(5)]

    for one in messages:
        sender.send([one])
    assert not broker.sent
    broker.open.set()
    sender.close(10)

    assert broker.sent == messages
    assert broker.closed.is_set()


def test_what_waits_goes_in_one_batch():
    broker = Broker()
    sender = courier(broker)
    for number in range(100):
        sender.send([message(number)])
    broker.open.set()
    sender.close(10)

    assert len(broker.sent) == 100
    assert broker.calls <= 2


def test_a_broker_that_takes_nothing_fills_no_memory():
    broker = Broker()
    sender = courier(broker, most=3)
    sender.send([message(0)])

    def send_many():
        for _ in range(3):
            sender.send([message(1), message(2)])

    with pytest.raises(DispatchFailed, match="has not taken"):
        send_many()
    broker.open.set()
    sender.close(10)


@pytest.mark.parametrize("fault", [DispatchFailed("away"), RuntimeError("odd")])
def test_a_fault_of_the_broker_does_not_end_the_sending(fault, caplog):
    broker = Broker(fault)
    sender = courier(broker)
    broker.open.set()
    sender.send([message(0)])
    while broker.calls < 1:
        threading.Event().wait(0.001)
    sender.send([message(1)])
    sender.close(10)

    assert broker.sent == [message(1)]


def test_the_log_says_once_that_the_broker_is_away_and_once_that_it_is_back(caplog):
    caplog.set_level(logging.INFO)
    broker = Broker(DispatchFailed("no answer"), DispatchFailed("no answer"))
    sender = courier(broker)
    broker.open.set()
    for number in range(3):
        sender.send([message(number)])
        while broker.calls <= number:
            threading.Event().wait(0.001)
    sender.close(10)

    said = [record.message for record in caplog.records]
    assert said == ["no answer; runs are started all the same, and wait for it (1 now)", "the broker is back"]


def test_closing_waits_no_longer_than_it_is_told():
    broker = Broker()
    sender = courier(broker)
    sender.send([message(0)])

    sender.close(0.01)

    assert not broker.sent
    broker.open.set()
    assert broker.closed.wait(10)
