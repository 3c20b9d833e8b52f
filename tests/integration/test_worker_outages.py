"""A database or a broker that is away while a worker works."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest

from pypeline.runs.states import RunState
from worker_shop import finished, node_of, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wire:
    """The way to a server, which can be cut: what goes over it breaks off, and nothing new gets through."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._ends: set[socket.socket] = set()
        self._whole = True
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        self._whole = False
        for end in tuple(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        self.cut()
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):  # the door was closed
            while True:
                client, _ = self._door.accept()
                try:
                    self._connect(client)
                except OSError:
                    client.close()

    def _connect(self, client: socket.socket) -> None:
        if not self._whole:
            raise ConnectionRefusedError
        server = socket.create_connection(self._server, 5)
        server.settimeout(None)
        for source, target in ((client, server), (server, client)):
            self._ends.add(source)
            threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            self._ends.discard(end)
            with suppress(OSError):  # the other direction's thread was first
                end.shutdown(socket.SHUT_RDWR)  # closing alone says nothing while that thread still reads
            end.close()


@pytest.fixture
def wire(postgres_url) -> Iterator[Wire]:
    parts = urlsplit(postgres_url)
    wire = Wire(parts.hostname, parts.port or 5432)
    yield wire
    wire.close()


@pytest.fixture
def broker_wire() -> Iterator[Wire]:
    wire = Wire("127.0.0.1", 5672)
    yield wire
    wire.close()


def test_an_outcome_waits_for_the_database_past_its_time_limits(tmp_path, postgres_url, wire):
    parts = urlsplit(postgres_url)
    cuttable = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{wire.port}"))
    with open_shop(tmp_path, postgres_url) as (shop, system):
        shop.configure(retries=0, maxTtl=1)
        with shop.worker("-c", "1", PYPELINE_DATABASE_URL=cuttable) as worker, shop.system() as limited:
            # Slow enough that the wire is cut before it returns, quick enough for its limit.
            run = limited.application.invoke("wait_for_leave", {}, trigger="python")
            shop.pid_of("wait_for_leave")
            wire.cut()
            shop.let_go()
            wait_until(lambda: "waits for the database" in worker.text(), worker.text)
            hard_limit = time.monotonic() + 1 + 10 + 3
            wait_until(lambda: time.monotonic() > hard_limit, lambda: "time stands still")
            wire.mend()

            assert finished(system, run) is RunState.SUCCESS
            assert (node_of(system, run).attempt, node_of(system, run).tries) == (1, 0)


def test_a_child_that_dies_while_the_database_is_away_is_recorded_when_it_is_back(
    tmp_path, postgres_url, wire
):
    parts = urlsplit(postgres_url)
    cuttable = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{wire.port}"))
    with open_shop(tmp_path, postgres_url, lease=300.0) as (shop, system):
        shop.configure(retries=0)
        with shop.worker("-c", "1", PYPELINE_DATABASE_URL=cuttable) as worker, shop.system() as single:
            run = single.application.invoke("wait_for_leave", {}, trigger="python")
            child = shop.pid_of("wait_for_leave")
            wire.cut()
            wait_until(lambda: "fails and is tried again" in worker.text(), worker.text)
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: "signal 9 (SIGKILL)" in worker.text(), worker.text)
            wire.mend()

            assert finished(system, run) is RunState.FAILED
            assert node_of(system, run).error.type == "WorkerLost"


def test_what_runs_stays_known_when_the_connection_to_the_broker_breaks(tmp_path, postgres_url, broker_wire):
    broker = {"PYPELINE_BROKER_URL": f"amqp://guest:guest@127.0.0.1:{broker_wire.port}//"}
    with open_shop(tmp_path, postgres_url, lease=300.0, environment=broker) as (shop, system):
        shop.configure(retries=0)
        with shop.worker("-c", "2") as worker, shop.system() as single:
            run = single.application.invoke("wait_for_leave", {}, trigger="python")
            child = shop.pid_of("wait_for_leave")
            broker_wire.cut()
            broker_wire.mend()
            wait_until(
                lambda: worker.text().count("wait_for_leave[") > 2, worker.text
            )  # a copy came, and went
            assert single.application.state(run) is RunState.RUNNING
            os.kill(child, signal.SIGKILL)

            assert finished(system, run) is RunState.FAILED
            assert "signal 9 (SIGKILL)" in node_of(system, run).error.message
