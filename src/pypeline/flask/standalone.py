"""The API by itself, in an application of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from pypeline.flask.api import api_blueprint
from pypeline.flask.extension import add_views
from pypeline.flask.headers import protect
from pypeline.flask.installation import NAME
from pypeline.flask.probes import probes_blueprint
from pypeline.flask.problems import answer_problems

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

URL_PREFIX = "/api/v1"


def standalone(installation: Installation) -> Flask:
    """
    An application that is the API and nothing else: every error in it is a problem document.

    As many proxies are believed as its settings say. Raises ConfigurationNotFound and InvalidConfiguration.
    """
    app = Flask("pypeline", static_folder=None)
    add_views(app, installation, api_blueprint(URL_PREFIX), probes_blueprint())
    answer_problems(app)
    app.after_request(protect)
    app.extensions[NAME] = installation
    if proxies := installation.settings.trusted_proxies:
        fixed = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = fixed  # type: ignore[method-assign] # as Flask's manual has it
    return app
