"""Files of a folder that no link leads out of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pypeline.errors import InvalidInput
from pypeline.generators.local import LocalKeyGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.generators.selection import Selection


class ConfinedKeyGenerator(LocalKeyGenerator):
    """
    Lists files of a folder, and only what really lies beneath it.

    Raises InvalidInput where the folder of the prefix, or a file that would be listed, is a link to
    somewhere else.
    """

    def iter_keys(self, place: str, prefix: str, selection: Selection) -> Iterator[str]:
        """The keys of the files wanted, folder by folder."""
        keys = super().iter_keys(place, prefix, selection)
        return _confined(keys, place, prefix[: prefix.rfind("/") + 1])


def _confined(keys: Iterator[str], place: str, folder: str) -> Iterator[str]:
    real = os.path.realpath(place)
    _refuse_outside(real, place, folder)
    for key in keys:
        # Folders beneath that of the prefix are no links: those are not entered.
        if os.path.islink(os.path.join(place, key)):  # noqa: PTH114, PTH118 - as for the names themselves
            _refuse_outside(real, place, key)
        yield key


def _refuse_outside(real: str, place: str, key: str) -> None:
    target = os.path.realpath(os.path.join(place, key))  # noqa: PTH118 - as above
    if os.path.commonpath([real, target]) != real:
        problem = "a link leads out of the folder: remove it, or copy what it leads to"
        raise InvalidInput(f"{key.rstrip('/')!r} beneath {place}: {problem}")
