"""The handler of nodes that list files: what the definition asks for, with the payload filled in."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.config.handlers import HandlerSignature
from pypeline.errors import Fail, InvalidInput, InvalidSetting
from pypeline.generators import S3KeyGenerator
from pypeline.generators.confined import ConfinedKeyGenerator
from pypeline.runs.listing import LIST_FILES, UnusablePayload, filled_in, number_of
from pypeline.tasks.attempts.registry import Handler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pypeline.generators import KeyGenerator
    from pypeline.runs.listing import Bucket, Listing
    from pypeline.types import JsonObject

_DOTS = frozenset({"", ".", ".."})


def listing_handler(listing: Listing, environment: Mapping[str, str]) -> Handler:
    """What lists these files in an attempt; the keys to a bucket are read from ``environment`` then."""
    signature = HandlerSignature(takes_tools=False, injected=(), optional=frozenset())
    return Handler(LIST_FILES, partial(list_files, listing, environment), signature, {})


def list_files(listing: Listing, environment: Mapping[str, str], event: Mapping[str, Any]) -> list[str]:
    """
    The files, in key order.

    Raises Fail for what no further attempt mends: a payload that does not fit, a way out of the root, a name
    that no result can hold. What a storage or an environment lacks may be there later: ListingFailed,
    MissingExtra, InvalidSetting.
    """
    options = _options(listing, event["chain_payload"])
    with _generator(listing.bucket, environment) as generator:
        try:
            files = generator.list_files(listing.place, **options)
            _refuse_what_json_cannot_hold(files)
        except (InvalidInput, UnicodeError) as error:
            raise Fail(str(error)) from error
    return files


def _options(listing: Listing, payload: JsonObject) -> dict[str, Any]:
    try:
        return {
            "prefix": (_folder if listing.bucket is None else filled_in)(listing.beginning, payload),
            "pattern": None if listing.pattern is None else filled_in(listing.pattern, payload),
            "limit": number_of(listing.limit, payload),
            "offset": listing.offset,
            "size_limit": listing.size_limit,
            "recursive": listing.recursive,
            "return_full_path": listing.full_path,
        }
    except UnusablePayload as error:
        raise Fail(str(error)) from error


def _folder(template: str, payload: JsonObject) -> str:
    """The folder as the beginning of keys. An empty value is the root only where it is the whole path."""
    path = filled_in(template, payload)
    if not path:
        return ""
    if filled_in(template.rpartition("/")[2], payload):
        path = path.removesuffix("/")
    if not _DOTS.isdisjoint(path.split("/")):
        raise Fail(
            f"path {path!r} may leave its root: give a folder such as 'docs/2026', without '..', '.', empty "
            "names, or a slash in front"
        )
    return f"{path}/"


def _refuse_what_json_cannot_hold(files: Iterable[str]) -> None:
    for file in files:
        try:
            file.encode()
        except UnicodeEncodeError as error:
            # As bytes: shells and `ls -b` show the name so.
            raise Fail(
                f"the name of {os.fsencode(file)!r} is not UTF-8, and no result can hold it: rename it, or "
                "leave it out by `pattern`"
            ) from error


def _generator(bucket: Bucket | None, environment: Mapping[str, str]) -> KeyGenerator:
    if bucket is None:
        return ConfinedKeyGenerator()
    return S3KeyGenerator(
        _secret(bucket.access_key, environment),
        _secret(bucket.secret_key, environment),
        bucket.region,
        endpoint_url=bucket.endpoint,
    )


def _secret(name: str | None, environment: Mapping[str, str]) -> str | None:
    """What a variable of this worker holds; without a name boto3 finds the keys itself."""
    if name is None:
        return None
    value = environment.get(name, "")
    if not value:
        raise InvalidSetting(name, "has no value here: set it in the environment of this worker")
    # An error of HTTP would quote a header that cannot be sent, and the key in it.
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise InvalidSetting(name, "holds what no key has: look for blanks, or a newline at its end")
    return value
