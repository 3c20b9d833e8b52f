"""The Flask application that ``api.py`` measures: the API, and beside it a route that does nothing."""

from __future__ import annotations

from flask import Flask

from pypeline.flask import FlaskPypeline

app = Flask(__name__)
FlaskPypeline(app, init_api=True)


@app.get("/empty")
def empty() -> dict[str, str]:
    """The least that a route can do."""
    return {"status": "ok"}
