"""PypeLine in one Flask application: what its views find in ``app.extensions["pypeline"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from pypeline.bootstrap import Link, Readiness
from pypeline.bootstrap.broker import require_transport
from pypeline.flask.access import Gate
from pypeline.flask.bodies import Bodies
from pypeline.store.dialects import dialect_for
from pypeline.store.urls import driver_url

if TYPE_CHECKING:
    from pypeline.application import Application
    from pypeline.config import Settings

NAME = "pypeline"


class Installation:
    """
    ``settings``, the ``link`` to database, broker and configuration, and the ``gate`` that admits callers.

    Nothing is opened before it is used, but for what a ``link`` that is given has open. Safe to share between
    threads, and across a fork. ``readiness`` looks at what it needs, ``bodies`` are answers
    that may be given again.
    """

    def __init__(self, settings: Settings, link: Link | None = None) -> None:
        self.settings = settings
        # Who calls over HTTP shall be told, not kept.
        self.link = Link(settings, None, patient=False) if link is None else link
        self.gate = Gate(settings.access_keys)
        self.readiness = Readiness(settings)
        self.bodies = Bodies()

    @property
    def application(self) -> Application:
        """The use cases, with the configuration. Raises DatabaseUnavailable and SchemaNotReady."""
        return self.link.configured()


def require_servers(settings: Settings) -> None:
    """
    See to it that the settings name a database and a broker that can be talked to; nothing is connected to.

    Raises InvalidSetting, and MissingExtra where an extra is needed.
    """
    dialect_for(driver_url(settings.require_database()))
    if not settings.embedded:
        require_transport(settings)


def installation() -> Installation:
    """That of the application which answers the present request. Raises RuntimeError where it has none."""
    found: Installation | None = current_app.extensions.get(NAME)
    if found is None:
        raise RuntimeError("this application has no PypeLine: call FlaskPypeline(app) first")
    return found
