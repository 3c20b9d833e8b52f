"""The API of `pypeline dev`, where it can be served."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from pypeline.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import Link
    from pypeline.config import Settings


@contextmanager
def dev_api(link: Link, settings: Settings, bind: str | None) -> Iterator[str | None]:
    """
    Serve the API at ``bind`` while entered, on what ``link`` has open; answers its URL.

    None where ``bind`` is None, or where it cannot be served, which is told in one line. Raises InvalidInput
    where ``bind`` is no address, and where others could call who have no key.
    """
    with ExitStack() as stack:
        yield None if bind is None else _serve(stack, link, settings, bind)


def _serve(stack: ExitStack, link: Link, settings: Settings, bind: str) -> str | None:
    try:
        from pypeline.flask.addresses import require_keys, split_address  # noqa: PLC0415 - an extra
        from pypeline.flask.background import served_in_background  # noqa: PLC0415
    except MissingExtra as error:
        click.echo(f"warning: the API is left out: {error}", err=True)
        return None
    try:
        host, port = split_address(bind)
    except ValueError as error:
        raise InvalidInput(f"--bind: {error}") from error
    require_keys(settings, [host])
    try:
        return stack.enter_context(served_in_background(settings, link, host, port))
    except OSError as error:
        # Python adds a remark of its own, in brackets.
        said = (error.strerror or str(error)).partition(" (")[0]
        click.echo(f"warning: the API is left out: {bind}: {said}; --bind names another address", err=True)
        return None
