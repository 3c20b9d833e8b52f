"""The application of a worker process in tests: it writes each attempt that arrives into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from celery import Celery

from celery_fakes import HANDLER
from pypeline.config.settings import Settings
from pypeline.tasks.chained import chain
from pypeline.tasks.configure import configure_celery

if TYPE_CHECKING:
    from pypeline.store.records import AttemptRef


def make_app(broker: str, queue: str) -> Celery:
    settings = Settings(folder=Path.cwd(), broker=broker, default_queue=queue, app=queue)
    return configure_celery(Celery("broker-test", set_as_current=False), settings)


def write_down(ref: AttemptRef) -> None:
    with Path(os.environ["ARRIVALS"]).open("a") as file:
        file.write(f"{ref.run_id} {ref.position} {ref.item} {ref.attempt}\n")


if "ARRIVALS" in os.environ:
    app = make_app(os.environ["BROKER"], os.environ["QUEUE"])
    chain(app, HANDLER, call=lambda event: event, perform=write_down)
