"""
Results that are too large for the database: objects in a folder, or wherever fsspec reaches by URL.

What stands in the database in their stead is a `Reference`. Nothing here knows a run, a node or a table.
"""

from pypeline.results.reference import MARK, Reference, is_reference
from pypeline.results.result_store import ResultStore, read_whole

__all__ = ["MARK", "Reference", "ResultStore", "is_reference", "read_whole"]
