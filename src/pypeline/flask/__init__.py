"""
The door for Flask: an extension of the user's own application.

Views read input, call `pypeline.application`, and answer; what they say of runs, schedules and pipelines is
decided beneath. Nothing here talks to the database or to Celery.
"""

from pypeline.errors import MissingExtra

try:
    from pypeline.flask.extension import FlaskPypeline
    from pypeline.flask.guarding import require_accesskey
except ModuleNotFoundError as error:
    if not MissingExtra.explains(error):
        raise
    raise MissingExtra("The Flask extension", "flask") from error

FlaskSermos = FlaskPypeline

__all__ = ["FlaskPypeline", "FlaskSermos", "require_accesskey"]
