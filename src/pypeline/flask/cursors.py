"""Cursors: where a page of a list ended, as a text that callers hand back unread."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

from pypeline.flask.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Key = TypeVar("Key")
Row = TypeVar("Row")


class Cursors(Generic[Key]):
    """
    The cursors of the list ``name``, whose rows are told apart by keys of the type ``shape``.

    Those of another list are none of its.
    """

    def __init__(self, name: str, shape: Any) -> None:
        self._name = f"{name}:".encode()
        self._shape: TypeAdapter[Key] = TypeAdapter(shape)

    def of(self, key: Key | None) -> str | None:
        """The cursor of a key; None of None."""
        if key is None:
            return None
        text = self._name + json.dumps(self._shape.dump_python(key, mode="json")).encode()
        return urlsafe_b64encode(text).decode().rstrip("=")

    def key(self, cursor: str | None) -> Key | None:
        """The key of a cursor; None of None. Raises Problem 422 for a text that this list never answered."""
        if cursor is None:
            return None
        try:
            text = b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            before, _, key = text.partition(self._name)
            # Where it is of another list there is no key, and nothing is no JSON.
            return self._shape.validate_json(b"" if before else key)
        except ValueError as error:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "cursor: this is none that this list has answered; leave it out to begin at the first page",
            ) from error

    def page(
        self, found: Sequence[Row], limit: int, key: Callable[[Row], Key]
    ) -> tuple[Sequence[Row], str | None]:
        """
        Of rows, of which one more than ``limit`` were asked for, the page and the cursor of what follows.

        None where nothing does.
        """
        page = found[:limit]
        return page, self.of(key(page[-1])) if len(found) > limit else None
