"""What a queue for nodes is made of, by the version of RabbitMQ."""

from __future__ import annotations

import pytest

from pypeline.tasks.brokers.queues import DEAD_LETTERS, quorum_arguments


@pytest.mark.parametrize("version", ["3.10.8", "3.11.28", "3.12.0", "3.13.7", "4.1.0-rc.1", "4.3.4"])
def test_every_version_gets_a_quorum_queue_with_a_limit_and_dead_letters(version):
    arguments = quorum_arguments(version)

    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] > 0
    assert (arguments["x-dead-letter-exchange"], arguments["x-dead-letter-routing-key"]) == ("", DEAD_LETTERS)


@pytest.mark.parametrize(
    ("version", "known"), [("3.10.8", False), ("3.11.28", False), ("3.12.0", True), ("4.3.4", True)]
)
def test_a_consumer_timeout_is_set_where_the_broker_knows_one_for_a_queue(version, known):
    assert ("x-consumer-timeout" in quorum_arguments(version)) == known


def test_the_consumer_timeout_is_a_whole_number_of_milliseconds():
    assert quorum_arguments("4.3.4")["x-consumer-timeout"] == 7 * 24 * 3600 * 1000
