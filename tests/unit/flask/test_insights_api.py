"""Queues and workers over HTTP, where no broker is set: the process that answers is the worker."""

from __future__ import annotations

from pypeline import __version__
from worker_shop import wait_until


def test_the_worker_inside_the_process_says_what_it_reads_and_does(worked):
    worked.ended(worked.invoke())
    [worker] = worked.get("/workers").json["workers"]
    queues = {queue["name"]: queue for queue in worked.get("/queues").json["queues"]}

    assert (worker["queues"], worker["concurrency"], worker["version"]) == (["q"], 4, __version__)
    assert (queues["q"]["slots"], queues["q"]["workers"]) == (4, [worker["worker"]])


def test_a_queue_that_it_reads_later_is_said_too(worked):
    worked.ended(worked.invoke())

    worked.post("/tasks/publish", {"task": "flask_shop.greet", "queue": "later"})

    def read():
        return [worker["queues"] for worker in worked.get("/workers").json["workers"]]

    wait_until(lambda: read() == [["later", "q"]], read)
