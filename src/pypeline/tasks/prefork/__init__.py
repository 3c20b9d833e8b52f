"""
The parent of a prefork worker and its children: what they tell each other, and who answers for the dead.

It knows attempts and their limits. It imports no Celery: what Celery tells of its pool is passed in.
"""
