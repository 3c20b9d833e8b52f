"""What we set in a Celery application, and what we leave."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from pypeline.config.settings import Settings
from pypeline.tasks.configure import CONNECTION, configure_celery


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


def test_queues_on_rabbitmq_are_quorum_queues():
    app = configure_celery(an_app(), settings(broker="amqp://here//"))

    assert app.amqp.default_queue.queue_arguments["x-queue-type"] == "quorum"
    assert app.amqp.queues["other"].queue_arguments["x-queue-type"] == "quorum"


def test_redis_keeps_a_message_longer_than_its_handler_runs():
    app = configure_celery(an_app(), settings(broker="redis://here/0", app="shop"))

    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] >= 3600
    assert options["global_keyprefix"] == "shop:"
    assert "task_default_queue_type" not in {key for layer in app.conf.maps[:-1] for key in layer}
