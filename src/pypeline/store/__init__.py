"""
The database: the ``Store`` port, its records, and one implementation on SQL.

It holds every transaction and no decision of when to make one. SQLAlchemy describes the tables and
migrates them; all else runs on the driver's own connection. Nothing here knows Celery, Flask or the command
line.
"""
