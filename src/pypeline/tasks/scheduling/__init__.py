"""
The process of a scheduler: what it does round by round, and who waits for its servers.

It knows the engine, and none of the tasks that are made of handlers.
"""
