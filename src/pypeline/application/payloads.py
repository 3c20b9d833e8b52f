"""What a payload may hold, whoever hands it in."""

from __future__ import annotations

import json

from pypeline.errors import InvalidPayload


def require_json(value: object, what: str = "the payload") -> None:
    """A payload of Python's may hold more than JSON. Raises InvalidPayload."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(f"{what} is not what JSON can hold: {error}") from error
