"""
The command ``pypeline``: reads input, calls the application, prints.

The law: click and rich live here and nowhere else, and nobody imports this package. A command prints for
people on stdout, or one JSON document with ``--json``; progress and errors go to stderr. Asking for help
imports click alone: a command's module is imported when it is called, and what is heavy (pydantic, rich, the
store, Celery) inside its functions.
"""

from __future__ import annotations

from pypeline.cli.app import main

__all__ = ["main"]
