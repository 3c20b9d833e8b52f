"""
The worker's side: a user's function is found, given its event and its tools, and called for one attempt.

Whatever the function does ends in a `pypeline.runs.outcome.Outcome`. This folder is the home of Celery: its
tasks, messages and worker hooks stand here. It knows the engine and the floors beneath it; it knows no SQL,
no Flask and no command line.

Its folders know those before them: ``limits`` and ``brokers``, ``attempts``, ``prefork``, ``workers``,
``scheduling``. The doors to them stand beside: what is set in an application, and how handlers become its
tasks.
"""
