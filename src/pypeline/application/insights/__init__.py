"""
What pages and meters show of many runs at once: `Insights`.

Each of the others is one idea, and answers a JSON document of its own; ``metrics`` answers values. They ask
the ``insights`` of the store, and judge with the words of ``pypeline doctor``.
"""

from __future__ import annotations

from pypeline.application.insights.insights import Insights

__all__ = ["Insights"]
