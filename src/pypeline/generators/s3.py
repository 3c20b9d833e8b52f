"""Files of S3 and of the stores that speak its language."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pypeline.errors import InvalidInput, MissingExtra
from pypeline.generators.base import KeyGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.generators.selection import Selection

_ATTEMPTS = 6


class S3KeyGenerator(KeyGenerator):
    """
    Lists files of buckets, page after page until there are no more.

    Without keys the credentials are found as boto3 finds them: the environment, the files of the AWS
    command line, the role of the machine. ``aws_session_token`` belongs to temporary ones. ``endpoint_url``
    names another store than Amazon's. A request that is throttled, or meets a fault of the network or the
    server, is made ``max_attempts`` times, after ever longer waits of up to 20 seconds.

    S3 has no folders: a prefix that no key has is an empty list. One page of 1,000 keys is held at a time.
    Threads may share a generator; a forked child makes its own connections. Raises MissingExtra without
    boto3, and InvalidInput for arguments that cannot be meant.
    """

    def __init__(
        self,
        aws_access_key: str | None = None,
        aws_secret_key: str | None = None,
        aws_region: str | None = None,
        *,
        endpoint_url: str | None = None,
        aws_session_token: str | None = None,
        max_attempts: int = _ATTEMPTS,
    ) -> None:
        try:
            from pypeline.generators import s3_client  # noqa: PLC0415 - boto3, an optional extra
        except ModuleNotFoundError as error:
            if not MissingExtra.explains(error):
                raise
            raise MissingExtra("S3KeyGenerator", "s3") from error
        if bool(aws_access_key) != bool(aws_secret_key):
            raise InvalidInput("give the access key and the secret key together, or neither of them")
        if endpoint_url and not endpoint_url.startswith(("http://", "https://")):
            raise InvalidInput(f"endpoint_url={endpoint_url!r}: it begins with http:// or https://")
        if max_attempts < 1:
            raise InvalidInput(f"max_attempts={max_attempts!r}: give a whole number of at least 1")
        self._s3 = s3_client
        self._access = s3_client.Access(
            aws_access_key or None,
            aws_secret_key or None,
            aws_session_token or None,
            aws_region or None,
            endpoint_url or None,
            max_attempts,
        )
        self._opened: tuple[int, Any] | None = None

    def iter_keys(self, place: str, prefix: str, selection: Selection) -> Iterator[str]:
        """The keys of the files wanted, page by page."""
        _check_prefix(prefix)
        return self._keys(place, prefix, selection)

    def close(self) -> None:
        """Close the connections. A later listing opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    def _keys(self, place: str, prefix: str, selection: Selection) -> Iterator[str]:
        start = prefix.rfind("/") + 1
        for page in self._pages(place, prefix, selection):
            for found in page.get("Contents", ()):
                key = found["Key"]
                # A key that ends in a slash is no file: consoles make it to show an empty folder.
                if (
                    not key.endswith("/")
                    and selection.takes(key[start:])
                    and selection.takes_size(found["Size"])
                ):
                    yield key

    def _pages(self, bucket: str, prefix: str, selection: Selection) -> Iterator[dict[str, Any]]:
        wanted = {"Bucket": bucket, "Prefix": prefix}
        if not selection.recursive:
            wanted["Delimiter"] = "/"
        with self._s3.explained(bucket, self._access):
            yield from self._s3.pages(self._client(), wanted)

    def _client(self) -> Any:
        """This process's client: sockets that a parent opened are the parent's."""
        process = os.getpid()
        if self._opened is None or self._opened[0] != process:
            self._opened = process, self._s3.open_client(self._access)
        return self._opened[1]


def _check_prefix(prefix: str) -> None:
    try:
        prefix.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"prefix={prefix!r}: it is not UTF-8, as all keys of a bucket are: give the beginning of a key"
        ) from error
