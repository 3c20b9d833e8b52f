"""Listing buckets of a store that throttles, refuses, hangs up, or is none."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import pytest

from pypeline.errors import AccessRefused, ListingFailed, PlaceNotFound, StorageUnavailable
from pypeline.generators import S3KeyGenerator, s3_client
from scripted_s3 import Answer, ScriptedS3, fault, page

SLOW_DOWN = fault(503, "SlowDown")


def lacking(element):
    """A page of one key that lacks an element."""
    whole = page("a")
    return replace(whole, body=re.sub(f"<{element}>.*</{element}>", "", whole.body))


@pytest.mark.parametrize(
    "trouble", [SLOW_DOWN, fault(429, "TooManyRequests"), fault(500, "Internal"), Answer(0)]
)
def test_a_request_is_made_again_after_trouble_that_passes(trouble):
    with ScriptedS3(trouble, page("a")) as store, _generator(store, max_attempts=2) as generator:
        assert generator.list_files("bucket") == ["bucket/a"]

        assert len(store.requests) == 2


@pytest.mark.parametrize("trouble", [SLOW_DOWN, fault(429, "TooManyRequests"), Answer(0)])
def test_trouble_that_stays_raises(trouble):
    with (
        ScriptedS3(page("a", more="token"), trouble) as store,
        _generator(store, max_attempts=2) as generator,
        pytest.raises(StorageUnavailable, match=r"try again later|check the endpoint_url"),
    ):
        generator.list_files("bucket")

    assert len(store.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "s3:ListBucket"),
        (403, "SignatureDoesNotMatch", "check the secret key"),
        (403, "RequestTimeTooSkewed", "set the clock"),
        (400, "ExpiredToken", "new temporary credentials"),
        (401, "Strange", "check the credentials"),
    ],
)
def test_a_refusal_says_what_to_do(status, code, remedy):
    with (
        ScriptedS3(fault(status, code)) as store,
        _generator(store) as generator,
        pytest.raises(AccessRefused, match=f"(?s)bucket 'bucket' at {store.url}: .*{code}.*{remedy}"),
    ):
        generator.list_files("bucket")

    assert len(store.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error", "remedy"),
    [
        (fault(404, "NoSuchBucket"), PlaceNotFound, "check its name"),
        (fault(400, "AuthorizationHeaderMalformed"), ListingFailed, "set aws_region"),
        (fault(400, "InvalidArgument"), ListingFailed, "does not take the request"),
        (Answer(200, "<html/>"), ListingFailed, "not one of S3 .*: check the endpoint_url"),
        (page("a", more=""), ListingFailed, "there are more keys, and not where"),
        (lacking("Key"), ListingFailed, "not one of S3 .*: check the endpoint_url"),
        (lacking("Size"), ListingFailed, "a key without its name or size"),
    ],
)
def test_an_answer_that_helps_no_further_raises_at_once(answer, error, remedy):
    with ScriptedS3(answer) as store, _generator(store) as generator, pytest.raises(error, match=remedy):
        generator.list_files("bucket")


def test_a_store_that_accepts_and_says_nothing_is_given_up(monkeypatch):
    assert s3_client._READ_TIMEOUT == 20
    monkeypatch.setattr(s3_client, "_READ_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with (
            S3KeyGenerator("key", "secret", endpoint_url=url, max_attempts=1) as generator,
            pytest.raises(StorageUnavailable, match=r"Read timeout .*check the endpoint_url"),
        ):
            generator.list_files("bucket")


def test_files_that_came_before_a_fault_were_streamed_and_the_fault_is_raised():
    pages = (page("a", more="token"), fault(403, "AccessDenied"))
    with ScriptedS3(*pages) as store, _generator(store) as generator:
        stream = generator.iter_files("bucket")

        assert next(stream) == "bucket/a"
        with pytest.raises(AccessRefused):
            next(stream)


def test_a_page_is_asked_for_when_its_first_file_is():
    pages = (page("a", more="token"), page("b"))
    with ScriptedS3(*pages) as store, _generator(store) as generator:
        stream = generator.iter_files("bucket", limit=1)
        before = len(store.requests)
        files = list(stream)

        assert (before, files, len(store.requests)) == (0, ["bucket/a"], 1)


def test_keys_arrive_as_they_are_whatever_is_in_them():
    keys = ["Icon\r.txt", "a\nb", "a b+c&d", "é😀", "\x01"]

    with ScriptedS3(page(*keys)) as store, _generator(store) as generator:
        assert generator.list_files("bucket", return_full_path=False) == keys


def test_a_closed_generator_opens_a_new_connection():
    with ScriptedS3(page("a")) as store:
        generator = _generator(store)
        first = generator.list_files("bucket")
        generator.close()
        second = generator.list_files("bucket")
        generator.close()

    assert first == second == ["bucket/a"]


def _generator(store: ScriptedS3, max_attempts: int = 3) -> S3KeyGenerator:
    return S3KeyGenerator("key", "secret", endpoint_url=store.url, max_attempts=max_attempts)
