"""
Schedules, their occurrences and their schedulers in the database.

``base`` is the port, ``sql_schedules`` its implementation on SQL; each of the others is a kind of statements.
Nothing here decides: when a schedule is due, and what becomes of it, is handed in from above.
"""
