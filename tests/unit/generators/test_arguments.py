"""What a generator says of arguments that cannot be meant, before it asks any storage."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pypeline.errors import AccessRefused, InvalidInput, StorageUnavailable
from pypeline.generators import LocalKeyGenerator, S3KeyGenerator
from services import free_port

WITHOUT_BOTO3 = """
import sys
from pypeline.errors import MissingExtra
from pypeline.generators import LocalKeyGenerator, S3KeyGenerator
assert "boto3" not in sys.modules
sys.modules["boto3"] = None
LocalKeyGenerator().list_files(".")
try:
    S3KeyGenerator()
except MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("option", "value"),
    [("limit", -1), ("offset", -1), ("size_limit", 1.5), ("limit", "4"), ("limit", True)],
)
def test_a_count_is_a_whole_number(option, value, tmp_path):
    with pytest.raises(InvalidInput, match=f"{option}=.*give a whole number of at least 0"):
        LocalKeyGenerator().iter_files(tmp_path, **{option: value})


def test_counts_have_no_upper_bound(tmp_path):
    (tmp_path / "a").touch()

    assert LocalKeyGenerator().list_files(tmp_path, offset=0, limit=10**30, size_limit=10**30)
    assert LocalKeyGenerator().list_files(tmp_path, offset=10**30) == []


@pytest.mark.parametrize("pattern", ["", "sub/*.txt", 5])
def test_a_pattern_is_for_names(pattern, tmp_path):
    with pytest.raises(InvalidInput, match="pattern="):
        LocalKeyGenerator().iter_files(tmp_path, pattern=pattern)


@pytest.mark.parametrize("place", ["", "a\0b", b"folder"])
def test_a_place_has_a_name(place):
    with pytest.raises(InvalidInput, match="give the name of a bucket or the path of a folder"):
        LocalKeyGenerator().iter_files(place)


def test_a_prefix_is_text(tmp_path):
    with pytest.raises(InvalidInput, match="prefix=None"):
        LocalKeyGenerator().iter_files(tmp_path, None)


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"aws_access_key": "key"}, "together"),
        ({"aws_secret_key": "secret"}, "together"),
        ({"endpoint_url": "localhost:9000"}, "begins with http:// or https://"),
        ({"max_attempts": 0}, "at least 1"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused_when_the_generator_is_made(given, remedy):
    with pytest.raises(InvalidInput, match=remedy):
        S3KeyGenerator(**given)


def test_a_bucket_has_a_name_and_no_folders():
    with (
        S3KeyGenerator("key", "secret") as generator,
        pytest.raises(InvalidInput, match="bucket's name alone, without s3:// and without folders"),
    ):
        generator.list_files("s3://bucket/folder")


def test_a_store_that_nobody_serves_raises():
    url = f"http://127.0.0.1:{free_port()}"

    with (
        S3KeyGenerator("key", "secret", endpoint_url=url, max_attempts=1) as generator,
        pytest.raises(StorageUnavailable, match="check the endpoint_url, the network and the server"),
    ):
        generator.list_files("bucket")


def test_missing_credentials_raise(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with (
        S3KeyGenerator(endpoint_url="http://127.0.0.1:1") as generator,
        pytest.raises(AccessRefused, match="give an access key and a secret key"),
    ):
        generator.list_files("bucket")


def test_a_secret_is_in_no_text_of_a_generator():
    generator = S3KeyGenerator("key", "very-secret", aws_session_token="token-secret")

    assert "secret" not in repr(vars(generator))


def test_a_missing_extra_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT_BOTO3], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "S3KeyGenerator needs more packages: pip install 'pypeline[s3]'", (
        done.stderr
    )
