"""
One attempt, from the event to the outcome: its handler, tools, output and result, and how it failed.

It imports no Celery and knows no process around it: any pool and any test can use it.
"""
