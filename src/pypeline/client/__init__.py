"""
The door for Python programs: start runs and wait for them, look at them, and manage schedules.

`Client` needs what the command line needs: the settings, and for what it starts the configuration. It opens
nothing before it is asked for something.
"""

from pypeline.client.client import Client
from pypeline.client.run import Run

__all__ = ["Client", "Run"]
