"""
The use cases of schedules: `Schedules`.

What callers wish for becomes a schedule in `wishes`, what one starts is found in `targets`, and documents for
scripts are made in `documents`.
"""

from __future__ import annotations

from pypeline.application.schedules.schedules import Schedules

__all__ = ["Schedules"]
