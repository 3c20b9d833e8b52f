"""
The use cases that every door calls: start, look at, wait for, cancel and retry runs.

It speaks in values of ``store.records`` and in the JSON documents of `pypeline.application.documents`. It
knows no Celery, no Flask, no terminal.
"""

from pypeline.application.application import Application

__all__ = ["Application"]
