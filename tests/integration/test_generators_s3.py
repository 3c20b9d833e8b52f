"""Listing buckets of a store that speaks S3."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
import uuid
from contextlib import contextmanager

import pytest
from hypothesis import given, settings

from listings import NAMES, expected, grow, options, trees
from private_s3 import PrivateS3
from pypeline.errors import AccessRefused, PlaceNotFound
from pypeline.generators import LocalKeyGenerator, S3KeyGenerator

MANY = [f"folder/path/{number}.txt" for number in range(2500)]
FORKING = """
import os, sys
from pypeline.generators import S3KeyGenerator

with S3KeyGenerator("key", "secret", endpoint_url=sys.argv[1]) as generator:
    before = generator.list_files("bucket-name", limit=1, recursive=True)
    child = os.fork()
    if not child:
        mine = generator.list_files("bucket-name", limit=1, recursive=True)
        os._exit(0 if mine == before and generator._opened[0] == os.getpid() else 1)
    opened = generator._opened
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert generator.list_files("bucket-name", limit=1, recursive=True) == before
    assert generator._opened is opened
"""


@pytest.fixture(scope="module")
def store():
    """With 2,500 files in a folder, and what is no file of it around them."""
    around = [
        "folder/path/",
        "folder/path/.DS_Store",
        "folder/path/sub/a",
        "folder/path2/a",
        "folder/path.txt",
    ]
    with PrivateS3() as server:
        server.fill("bucket-name", dict.fromkeys([*MANY, *around], b"text"))
        server.fill("empty", {})
        yield server


@pytest.fixture
def generator(store):
    with S3KeyGenerator("access-key", "secret-key", endpoint_url=store.url) as made:
        yield made


def test_the_snippets_of_the_documentation_list_every_file_in_order(store, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    grow(tmp_path, {"b": 1, "a": 1})

    gen = S3KeyGenerator("access-key", "secret-key")
    files = gen.list_files("bucket-name", "folder/path/", offset=0, limit=4, return_full_path=False)
    everything = gen.list_files("bucket-name", "folder/path/")
    gen.close()
    gen = LocalKeyGenerator()
    local = gen.list_files(f"{tmp_path}/")

    assert files == sorted(MANY)[:4]
    assert everything == [f"bucket-name/{key}" for key in sorted(MANY)]
    assert local == [f"{tmp_path}/a", f"{tmp_path}/b"]


def test_the_stream_has_the_same_files(generator):
    stream = generator.iter_files("bucket-name", "folder/path/", return_full_path=False, offset=2498)

    assert list(stream) == sorted(MANY)[2498:]


def test_a_prefix_without_its_slash_is_the_beginning_of_a_name(generator):
    found = generator.list_files("bucket-name", "folder/path", return_full_path=False)

    assert found == ["folder/path.txt"]


def test_recursion_lists_what_lies_beneath_and_no_placeholders(generator):
    found = generator.list_files("bucket-name", "folder/", recursive=True, return_full_path=False)

    assert found == sorted([*MANY, "folder/path.txt", "folder/path/sub/a", "folder/path2/a"])


def test_an_empty_bucket_and_a_prefix_of_no_key_are_empty_lists(generator):
    assert generator.list_files("empty") == []
    assert generator.list_files("bucket-name", "nothing/here/") == []


def test_a_missing_bucket_raises(generator):
    with pytest.raises(PlaceNotFound, match=r"'missing' .*: there is no such bucket: check its name"):
        generator.list_files("missing")


def test_a_key_that_the_store_does_not_know_is_refused(store, generator):
    with _credentials_checked(store), pytest.raises(AccessRefused, match="check the access key"):
        generator.list_files("bucket-name")


def test_credentials_come_by_the_usual_chain_where_none_are_given(store, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "as-well")

    with S3KeyGenerator(endpoint_url=store.url) as generator:
        assert len(generator.list_files("bucket-name", "folder/path/", limit=3)) == 3


def test_a_forked_child_has_connections_of_its_own(store):
    done = subprocess.run(
        [sys.executable, "-c", FORKING, store.url], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@settings(max_examples=30)  # each makes a bucket and puts a dozen objects into it
@given(tree=trees(NAMES), chosen=options())
def test_a_bucket_and_a_folder_with_the_same_tree_are_listed_alike(store, tmp_path_factory, tree, chosen):
    name = f"tree-{uuid.uuid4().hex}"
    folder = tmp_path_factory.mktemp(name)
    grow(folder, tree)
    store.fill(name, {key: b"x" * size for key, size in tree.items()})

    with S3KeyGenerator("access-key", "secret-key", endpoint_url=store.url) as generator:
        found = generator.list_files(name, return_full_path=False, **chosen)

    assert found == expected(tree, **chosen)
    assert found == LocalKeyGenerator().list_files(folder, return_full_path=False, **chosen)


@contextmanager
def _credentials_checked(store: PrivateS3):
    """moto takes any key until it is told how many requests go unchecked."""
    _post(f"{store.url}/moto-api/reset-auth", b"0")
    try:
        yield
    finally:
        _post(f"{store.url}/moto-api/reset-auth", b"inf")


def _post(url: str, body: bytes) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "text/plain"})) as answer:
        assert answer.status == 200
