"""boto3: how its client is opened, and what its errors mean. Needs the extra ``s3``."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

from pypeline.errors import (
    AccessRefused,
    InvalidInput,
    ListingFailed,
    PlaceNotFound,
    PypelineError,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSALS = {
    "AccessDenied": "these credentials need the right s3:ListBucket on the bucket",
    "InvalidAccessKeyId": "check the access key, and that it is one of this store",
    "SignatureDoesNotMatch": "check the secret key",
    "ExpiredToken": "get new temporary credentials",
    "InvalidToken": "check the session token, or get new temporary credentials",
    "RequestTimeTooSkewed": "set the clock of this machine",
}
"""What the codes of a refusal ask for; any other code with status 401 or 403 is a refusal as well."""

_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_LACKS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.MetadataRetrievalError,
    exceptions.SSOError,
    exceptions.ProfileNotFound,
)
_NETWORK = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)
_CONNECT_TIMEOUT = 10.0  # seconds of one attempt; boto3's own 60 would make six of them six minutes
_READ_TIMEOUT = 20.0  # as above, without a byte; a page of 1,000 keys is answered within a second or two
_MOST_SAID = 300  # a page that is no answer of S3 is quoted by its beginning
_REFUSED, _NO_RIGHT, _MISSING, _TOO_MANY, _SERVER = 401, 403, 404, 429, 500


@dataclass(frozen=True, slots=True)
class Access:
    """Where a store is, and how it is asked. Its text has no secrets."""

    key: str | None
    secret: str | None = field(repr=False)
    token: str | None = field(repr=False)
    region: str | None
    endpoint: str | None
    max_attempts: int


def open_client(access: Access) -> Any:
    """A client of boto3, over a session of its own: sessions are not to be shared between threads."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    session = boto3.session.Session(
        botocore_session=core,
        aws_access_key_id=access.key,
        aws_secret_access_key=access.secret,
        aws_session_token=access.token,
        region_name=access.region,
    )
    retries = {"mode": "standard", "total_max_attempts": access.max_attempts}
    config = Config(retries=retries, connect_timeout=_CONNECT_TIMEOUT, read_timeout=_READ_TIMEOUT)
    return session.client("s3", endpoint_url=access.endpoint, config=config)


def _moment(text: Any) -> datetime:
    # boto3 reads times of any form, which is half of what a listing costs; S3 writes them in one.
    if isinstance(text, str) and text.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    moment: datetime = parse_timestamp(text)
    return moment


def pages(client: Any, wanted: dict[str, str]) -> Iterator[dict[str, Any]]:
    """
    Every page of a listing, the last one last. Raises what boto3 does, and ResponseParserError.

    boto3 takes any answer with status 200 for a page, a proxy's page of HTML for an empty one, and a page
    that says there are more without saying where for the last. Each key has its ``Key`` and ``Size``.
    """
    for page in client.get_paginator("list_objects_v2").paginate(**wanted):
        if "IsTruncated" not in page:
            raise ResponseParserError("it does not say whether it is the last page")
        if page["IsTruncated"] and not page.get("NextContinuationToken"):
            raise ResponseParserError("it says that there are more keys, and not where")
        if not all("Key" in found and "Size" in found for found in page.get("Contents", ())):
            raise ResponseParserError("it has a key without its name or size")
        yield page


@contextmanager
def explained(bucket: str, access: Access) -> Iterator[None]:
    """Turn what boto3 raises into one of our errors that says what to do."""
    place = f"bucket {bucket!r}" + (f" at {access.endpoint}" if access.endpoint else "")
    try:
        yield
    except exceptions.ClientError as error:
        raise _answered(place, error) from error
    except KeyError as error:  # raised by boto3 for what it takes for granted in an answer
        raise _unanswered(place, ResponseParserError(f"it lacks {error}")) from error
    except (exceptions.BotoCoreError, ResponseParserError, ValueError) as error:
        raise _unanswered(place, error) from error


def _answered(place: str, error: exceptions.ClientError) -> PypelineError:
    """What the store said."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket" or status == _MISSING:
        return PlaceNotFound(place, "there is no such bucket: check its name, or create it")
    if code in _REFUSALS or status in {_REFUSED, _NO_RIGHT}:
        remedy = _REFUSALS.get(code, "check the credentials and their rights")
        return AccessRefused(place, f"the store refuses ({error}): {remedy}")
    if status >= _SERVER or status == _TOO_MANY:
        return StorageUnavailable(place, f"the store goes on failing ({error}): try again later")
    if code in _ELSEWHERE:
        return ListingFailed(place, f"it is in another region ({error}): set aws_region")
    return ListingFailed(place, f"the store does not take the request ({error})")


def _unanswered(place: str, error: Exception) -> PypelineError:
    """What boto3 itself ran into."""
    said = " ".join(str(error).split())[:_MOST_SAID].removesuffix(".")
    if isinstance(error, _LACKS):
        remedy = "give an access key and a secret key, or set up the places where boto3 looks for them"
        return AccessRefused(place, f"no credentials ({said}): {remedy}")
    if isinstance(error, _NETWORK):
        return StorageUnavailable(place, f"{said}: check the endpoint_url, the network and the server")
    if isinstance(error, ResponseParserError):
        return ListingFailed(place, f"the answer is not one of S3 ({said}): check the endpoint_url")
    if isinstance(error, exceptions.ParamValidationError):
        return InvalidInput(f"{place}: give the bucket's name alone, without s3:// and without folders")
    return ListingFailed(place, f"{said}: check the arguments and the configuration of AWS")
