"""
The pure rules of a run: its plan, the states and their legal moves, trigger rules, retry delays, outcomes.

Values in, values out: no I/O, no clock, no randomness of its own, nothing of the floors above.
"""
