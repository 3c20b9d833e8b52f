"""
What a worker process of the suite is made to suffer, told by its environment.

Python imports this first where its folder is on ``PYTHONPATH``: nothing of it is in PypeLine's own code.
"""

import os

if "CHAOS_CLOCK" in os.environ:
    import sabotaged_clock

    sabotaged_clock.set_forward(float(os.environ["CHAOS_CLOCK"]))

if "CHAOS_HOSTS" in os.environ:
    import sabotaged_hosts

    sabotaged_hosts.redirect(os.environ["CHAOS_HOSTS"])

if "CHAOS_DIE" in os.environ:
    from sabotaged_sending import CeleryDispatcher, dying

    CeleryDispatcher.send = dying(os.environ["CHAOS_DIE"], mark=os.environ["CHAOS_MARK"])

if "CHAOS_REPEAT" in os.environ:
    from sabotaged_sending import CeleryDispatcher, repeating

    CeleryDispatcher.send = repeating(int(os.environ["CHAOS_REPEAT"]))

if "CHAOS_FIRE" in os.environ:
    import sabotaged_firing

    sabotaged_firing.stop_at(os.environ["CHAOS_FIRE"], mark=os.environ["CHAOS_MARK"])
