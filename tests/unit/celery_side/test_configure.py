"""What we set in a Celery application, and what we leave."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.utils.quorum_queues import detect_quorum_queues
from kombu import Exchange, Queue

from pypeline.config.settings import Settings
from pypeline.tasks.brokers.queues import NodeQueue, queue_of
from pypeline.tasks.configure import CONNECTION, configure_celery, hold_messages


def an_app(**conf: Any) -> Celery:
    app = Celery("shop", set_as_current=False)
    app.conf.update(conf)
    return app


def a_loaded_app(**conf: Any) -> Celery:
    app = an_app(**conf)
    assert app.conf.timezone is None  # a look loads the configuration
    return app


def settings(**values: Any) -> Settings:
    return Settings(folder=Path("/srv/shop"), **values)


def test_an_application_gets_what_its_worker_needs():
    app = configure_celery(an_app())

    assert {key: app.conf[key] for key in CONNECTION} == CONNECTION


def test_what_the_user_set_before_stays():
    app = configure_celery(an_app(worker_prefetch_multiplier=7))

    assert app.conf.worker_prefetch_multiplier == 7
    assert app.conf.broker_connection_max_retries is None


def test_an_application_that_is_loaded_already_gets_the_same():
    app = configure_celery(a_loaded_app(broker_connection_max_retries=3))

    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_connection_max_retries == 3


def test_what_the_user_sets_later_stays():
    app = configure_celery(an_app())

    app.conf.worker_prefetch_multiplier = 7

    assert app.conf.worker_prefetch_multiplier == 7


@pytest.mark.parametrize("first", [True, False])
def test_what_a_configuration_object_says_stays_whenever_it_is_read(first):
    app = an_app()
    theirs = SimpleNamespace(worker_prefetch_multiplier=7, task_acks_late=False)

    if first:
        configure_celery(app)
    app.config_from_object(theirs)
    if not first:
        configure_celery(app)

    assert app.conf.worker_prefetch_multiplier == 7
    assert app.conf.broker_connection_retry_on_startup is True


def test_settings_with_a_prefix_stay():
    app = an_app()
    app.config_from_object(SimpleNamespace(CELERY_WORKER_PREFETCH_MULTIPLIER=7), namespace="CELERY")

    configure_celery(app)

    assert app.conf.worker_prefetch_multiplier == 7


def test_settings_of_the_old_names_stay():
    app = an_app()
    app.config_from_object(SimpleNamespace(CELERYD_PREFETCH_MULTIPLIER=7))

    configure_celery(app)

    assert app.conf.worker_prefetch_multiplier == 7


def test_nothing_is_set_that_changes_the_users_own_tasks():
    before = dict(an_app().conf)

    after = dict(configure_celery(an_app()).conf)

    changed = {key for key in after if after[key] != before.get(key)}
    assert changed <= set(CONNECTION)
    assert not any(key.startswith("task_") for key in changed)


def test_configuring_twice_is_configuring_once():
    once, twice = configure_celery(a_loaded_app()), configure_celery(configure_celery(a_loaded_app()))

    assert len(twice.conf.maps) == len(once.conf.maps)


def test_our_own_application_takes_broker_and_queue_from_the_settings(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://elsewhere//")

    app = configure_celery(an_app(), settings(broker="amqp://here//", default_queue="mine"))

    assert app.conf.broker_read_url == app.conf.broker_write_url == "amqp://here//"
    assert app.amqp.default_queue.name == "mine"


def test_every_queue_of_our_own_is_one_for_nodes():
    app = configure_celery(an_app(), settings(broker="amqp://here//"))

    queues = app.amqp.queues
    assert {type(queue) for queue in (app.amqp.default_queue, queues["other"])} == {NodeQueue}


def test_queues_of_a_user_stay_what_they_are_and_others_are_for_nodes():
    app = configure_celery(an_app(task_queues=[Queue("theirs", Exchange("theirs"), "theirs", alias="known")]))

    assert [type(queue_of(app, name)) for name in ("theirs", "known", "new")] == [Queue, Queue, NodeQueue]
    assert queue_of(app, "known").name == "theirs"


def test_celery_sees_no_quorum_queue_and_so_changes_nothing_for_tasks_with_an_eta():
    app = configure_celery(an_app())

    queue_of(app, "new")

    assert detect_quorum_queues(app, "amqp") == (False, "")


def test_redis_keeps_a_message_for_an_hour_at_least():
    app = configure_celery(an_app(), settings(broker="redis://here/0", app="shop"))

    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] == 3600
    assert options["global_keyprefix"] == "shop:"


@pytest.mark.parametrize(("longest", "expected"), [(60, 3600), (7200, 14400), (None, 7 * 24 * 3600)])
def test_redis_keeps_a_message_for_longer_than_any_handler_runs(longest, expected):
    app = hold_messages(configure_celery(an_app(), settings(broker="redis://here/0")), longest)

    assert app.connection_for_read().transport_options["visibility_timeout"] == expected


def test_a_time_that_the_user_chose_for_redis_stays():
    theirs = {"visibility_timeout": 7}
    app = configure_celery(an_app(broker_transport_options=theirs), settings(broker="redis://here/0"))

    assert hold_messages(app, 7200).conf.broker_transport_options == theirs


def test_kafka_has_no_mailboxes_for_workers():
    app = configure_celery(an_app(), settings(broker="confluentkafka://here"))

    assert app.conf.worker_enable_remote_control is False
    assert app.conf.broker_transport_options["num_partitions"] > 1
