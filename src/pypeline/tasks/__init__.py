"""
The worker's side: a user's function is found, given its event and its tools, and called for one attempt.

Whatever the function does ends in a `pypeline.runs.outcome.Outcome`. This folder is the home of Celery: its
tasks, messages and worker hooks stand here. It knows the engine and the floors beneath it; it knows no SQL,
no Flask and no command line. The modules that call handlers import no Celery: any pool and any test can use
them.
"""
