"""
Time limits: what they raise in a handler, and who enforces them in a thread, a greenlet or a child of a pool.

It knows nothing of the other folders here, no broker and no database, and imports no Celery.
"""
