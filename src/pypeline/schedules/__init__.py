"""
The pure rules of schedules: which times a crontab names.

Values in, values out: no I/O, no clock, nothing of the floors above.
"""
