"""What a command opens before it can work: the settings, the configuration, the system."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pypeline.config import Settings, find_config, load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from pypeline.config import Config


def read_config(
    given: str | None, settings: Settings | None = None, *, import_handlers: bool = False
) -> Config:
    """The configuration, as `load_config` reads it. Raises ConfigurationNotFound and InvalidConfiguration."""
    settings = settings or Settings.load()
    path = find_config(settings, None if given is None else Path(given))
    return load_config(path, env=settings.environment, import_handlers=import_handlers)


@contextmanager
def open_system(settings: Settings, config: Config | None = None) -> Iterator[System]:
    """The application on its database, for as long as it is entered. It runs nothing by itself."""
    from pypeline.bootstrap import build  # noqa: PLC0415 - Celery and SQLAlchemy, which a base install lacks

    settings.require_database()
    with build(settings, config) as system:
        yield system
