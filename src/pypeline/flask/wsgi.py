"""``pypeline.flask.wsgi:app``: the API by itself, for any WSGI server. Importing it makes the application."""

from __future__ import annotations

from pypeline.config import Settings
from pypeline.flask.installation import Installation, require_servers
from pypeline.flask.standalone import standalone

_settings = Settings.load()
require_servers(_settings)
app = standalone(Installation(_settings))
