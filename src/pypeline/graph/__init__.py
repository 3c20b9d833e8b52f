"""
The shape of a pipeline: an immutable DAG, the rules that make it valid, and its drawings.

Pure: standard library only, no I/O, nothing of the floors above.
"""

from pypeline.graph.dag import Dag

__all__ = ["Dag"]
