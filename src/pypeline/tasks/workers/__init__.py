"""
The processes of a worker, be it Celery's or one inside this process: how they start and end, who works there.

It knows the other folders here, and none of the tasks that are made of handlers.
"""
