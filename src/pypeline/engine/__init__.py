"""
The life of a run: load, decide, commit through the ``Store``, then dispatch.

It knows the two ports (`pypeline.store.base.Store`, `pypeline.engine.dispatcher.Dispatcher`) and no library
behind them: no SQL, no Celery, no clock of its own.
"""

from pypeline.engine.engine import Engine, Work

__all__ = ["Engine", "Work"]
