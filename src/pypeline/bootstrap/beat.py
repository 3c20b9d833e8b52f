"""What a scheduler is made of."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from pypeline import __version__
from pypeline.application.schedules import Schedules
from pypeline.bootstrap.broker import broker_name
from pypeline.bootstrap.parts import wire_engine
from pypeline.config import Settings, find_config, load_config
from pypeline.engine.identity import Identity
from pypeline.engine.scheduler import Scheduler
from pypeline.store.sql_store import SqlStore
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.scheduling.courier import Courier
from pypeline.tasks.scheduling.rounds import Desk, Rounds
from pypeline.tasks.workers.staff import worker_id

if TYPE_CHECKING:
    from celery import Celery

    from pypeline.config import Config

_LAST_SENDING = 2.0
"""Seconds that a scheduler which ends gives the broker; then the sweep sends what is left."""


def celery_beat(app: Celery, config: Config | None = None) -> Rounds:
    """
    The scheduler of this process, which sends to the broker of ``app``.

    ``config`` is by default the one that the settings name. The database is opened by the first round.
    Raises InvalidSetting, InvalidConfiguration and ConfigurationNotFound.
    """
    settings = Settings.load()
    settings.require_database()
    chosen = config or load_config(find_config(settings), env=settings.environment)
    is_named = bool(settings.app or settings.client_package)
    return Rounds(partial(_open, app, settings, chosen), app=settings.app_name, is_named=is_named)


def _open(app: Celery, settings: Settings, config: Config) -> Desk:
    beat_id = worker_id(os.getpid())
    with ExitStack() as stack:
        store = stack.enter_context(SqlStore(settings.database_url, app=settings.app_name))
        dispatcher = CeleryDispatcher(app)
        courier = Courier(dispatcher, close=dispatcher.close)
        stack.callback(courier.close, _LAST_SENDING)
        engine = wire_engine(settings, store, courier, Identity(beat_id, broker_name(settings, app)))
        schedules = Schedules(engine, config, settings)
        return Desk(
            tick=Scheduler(engine, schedules.target_of).tick,
            bring_in=schedules.bring_in,
            beat=partial(store.schedules.beat, beat_id, __version__),
            retire=partial(store.schedules.forget_beat, beat_id),
            close=stack.pop_all().close,
        )
