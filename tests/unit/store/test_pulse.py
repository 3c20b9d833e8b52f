from __future__ import annotations

import threading
import time

import pytest

from celery_fakes import wait_until
from pypeline.store import pulse
from pypeline.store.pulse import Pulse


class Server:
    """What is knocked at: it answers while ``speaks`` is set, and is given up where it stays silent."""

    def __init__(self):
        self.speaks = threading.Event()
        self.knocks = 0

    def knock(self):
        self.knocks += 1
        if not self.speaks.wait(0.5):
            raise TimeoutError


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(pulse, "_PATIENCE", 0.05)
    return Server()


def test_a_server_that_answers_is_felt_and_so_is_one_that_refuses(server):
    server.speaks.set()

    def refuse():
        raise ConnectionRefusedError

    assert Pulse(server.knock, TimeoutError).is_felt()
    assert Pulse(refuse, TimeoutError).is_felt()


def test_one_thread_knocks_until_it_speaks_however_many_ask(server):
    felt = Pulse(server.knock, TimeoutError)

    assert [felt.is_felt() for _ in range(9)] == [False] * 9
    assert server.knocks == 1
    wait_until(lambda: server.knocks >= 2)
    server.speaks.set()
    wait_until(felt.is_felt)


def test_one_that_is_slow_is_waited_for_once_that_is_known(server):
    felt = Pulse(lambda: time.sleep(0.2), TimeoutError)

    assert not felt.is_felt()
    wait_until(felt.is_felt)
