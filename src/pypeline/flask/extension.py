"""``FlaskPypeline``: PypeLine in a Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.config import Settings
from pypeline.flask.api import api_blueprint
from pypeline.flask.installation import NAME, Installation, require_servers
from pypeline.flask.probes import probes_blueprint
from pypeline.flask.problems import answer_routing_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Flask

_OURS = ("PYPELINE_", "SERMOS_", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")


class FlaskPypeline:
    """
    Adds PypeLine to an application: ``FlaskPypeline(app)``, or ``init_app`` where a factory makes it.

    The application stays what it is: its routes, error handlers and OpenAPI document are left alone. Settings
    are read from the environment, and over that from ``app.config`` (``PYPELINE_DATABASE_URL`` …). Neither
    database nor broker is connected to before the first request that needs one. One extension may serve
    several applications.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        init_api: bool = False,
        init_probes: bool | None = None,
        init_dashboard: bool = False,
        url_prefix: str = "/api/v1",
    ) -> None:
        _require_no_dashboard(init_dashboard)
        self._init_api = init_api
        self._init_probes = init_probes
        self._url_prefix = url_prefix
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: Flask,
        *,
        init_api: bool | None = None,
        init_probes: bool | None = None,
        init_dashboard: bool = False,
        url_prefix: str | None = None,
    ) -> None:
        """
        Add PypeLine to ``app``; what is not given is as the extension was made with.

        With ``init_api`` the REST API is at ``url_prefix``. With ``init_probes``, by default where the API
        is, there are ``/healthz``, ``/readyz`` and ``/metrics``, but for those that the application has
        already. Raises InvalidSetting, and MissingExtra where a setting needs an extra; with either of them
        ConfigurationNotFound and InvalidConfiguration; ValueError for a ``url_prefix`` that is no fixed path;
        NotImplementedError with ``init_dashboard``, which no version has yet.
        """
        _require_no_dashboard(init_dashboard)
        if NAME in app.extensions:
            raise RuntimeError("this application has PypeLine already: call init_app once")
        with_api = _first(init_api, self._init_api, default=False)
        with_probes = _first(init_probes, self._init_probes, default=with_api)
        prefix = self._url_prefix if url_prefix is None else url_prefix
        installation = Installation(_settings_of(app.config))
        blueprints = [
            *([api_blueprint(prefix)] if with_api else ()),
            *([probes_blueprint(besides=app.url_map)] if with_probes else ()),
        ]
        if blueprints:
            add_views(app, installation, *blueprints)
        app.extensions[NAME] = installation


def add_views(app: Flask, installation: Installation, *blueprints: Blueprint) -> None:
    """Add blueprints of ours. Raises ConfigurationNotFound and InvalidConfiguration."""
    installation.link.config()
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    answer_routing_problems(app, *blueprints)


def _require_no_dashboard(wanted: bool) -> None:  # noqa: FBT001 - as it was given
    if wanted:
        raise NotImplementedError("this version of pypeline has no dashboard yet: leave init_dashboard out")


def _first(*said: bool | None, default: bool) -> bool:
    return next((one for one in said if one is not None), default)


def _settings_of(config: Mapping[str, object]) -> Settings:
    """The settings of the environment, and over them those of the application."""
    given = {name: value for name, value in config.items() if name.startswith(_OURS)}
    settings = Settings.load(over=given)
    require_servers(settings)
    return settings
