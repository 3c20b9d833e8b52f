"""Pipelines that list files without a function: embedded, of a folder and of a bucket."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from cli_stage import CLEAN, Stage
from listings import grow
from scripted_s3 import ScriptedS3, fault, page

MANY = [f"many/{number:04}.txt" for number in range(2500)]
THREE_PAGES = (page(*MANY[:1000], more="1"), page(*MANY[1000:2000], more="2"), page(*MANY[2000:]))
KEYS = {"accessKey": "${MY_KEY}", "secretKey": "${MY_SECRET}"}
SECRET = "wrong-s3cret-that-nobody-may-read"
HANDLERS = """
def shout(event):
    return [name.upper() for name in event["items"]]

def count(event, each):
    return sum(len(batch) for batch in each)
"""
CONFIGURATION = """
pipelines:
  listing:
    config:
      metadata: {{queue: q, maxRetry: 1, retryBackoff: 0}}
      dagAdjacency: {{list: [each], each: [count]}}
      taskDefinitions:
        list: {{generator: {generator}}}
        each: {{handler: listing_demo.shout, forEach: list, batchSize: 100}}
        count: {{handler: listing_demo.count}}
"""
# The machine that runs the tests may have credentials, or a role.
NO_CREDENTIALS = {name: None for name in CLEAN if name.startswith("AWS_")} | {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYPELINE_BROKER_URL": None,
    "PYPELINE_DATABASE_URL": None,
}


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "listing_demo.py").write_text(HANDLERS)
    return Stage(tmp_path, "", "")


def run(stage, generator, payload=None):
    """The run's document; ``generator`` is what the node lists."""
    done = called(stage, generator, payload)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def called(stage, generator, payload=None, **variables):
    (stage.folder / "sermos.yaml").write_text(CONFIGURATION.format(generator=json.dumps(generator)))
    payload = json.dumps(payload or {})
    return stage.call("run", "listing", "--json", "--payload", payload, **NO_CREDENTIALS, **variables)


def bucket(store, **options):
    return {"type": "s3", "bucket": "documents", "endpointUrl": store.url, **options}


def node(document, name):
    return next(one for one in document["nodes"] if (one["node"], one["index"]) == (name, None))


def dump(database):
    """Every value of every table, as text."""
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def test_a_folder_is_listed_and_each_of_its_files_is_worked_on(stage):
    grow(stage.folder, {"data/in/a.txt": 1, "data/in/b.txt": 1, "data/in/c.md": 1, "data/out.txt": 1})
    root = str(stage.folder / "data")

    document = run(
        stage,
        {"type": "local", "root": root, "path": "${payload.folder}", "pattern": "*.txt"},
        {"folder": "in"},
    )

    assert node(document, "list")["result"] == [f"{root}/in/a.txt", f"{root}/in/b.txt"]
    assert node(document, "count")["result"] == 2


def test_a_way_out_of_the_root_is_tried_once(stage):
    grow(stage.folder, {"data/in/a.txt": 1})
    generator = {"type": "local", "root": str(stage.folder / "data"), "path": "${payload.folder}"}

    failed = node(run(stage, generator, {"folder": "../.."}), "list")

    assert (failed["state"], failed["attempt"]) == ("failed", 1)
    assert "path '../..' may leave its root" in failed["error"]["message"]


def test_2500_keys_of_a_bucket_are_listed_and_each_is_worked_on(stage):
    # The keys to the store may stand in the file of the environment, which boto3 does not read.
    (stage.folder / ".env").write_text("MY_KEY=any\nMY_SECRET=any\n")
    with ScriptedS3(*THREE_PAGES) as store:
        document = run(stage, bucket(store, prefix="${payload.folder}/", **KEYS), {"folder": "many"})

    # A document shows the first 1,000 parts.
    assert node(document, "list")["result"][:1000] == [f"documents/{key}" for key in MANY[:1000]]
    assert node(document, "count")["result"] == 2500
    assert "prefix=many%2F" in store.requests[0]


def test_a_key_that_is_not_in_the_environment_is_told_when_the_node_runs(stage):
    failed = node(run(stage, {"type": "s3", "bucket": "documents", **KEYS}), "list")

    assert failed["attempt"] == 2
    assert failed["error"]["message"] == (
        "MY_KEY: has no value here: set it in the environment of this worker"
    )


def test_a_secret_that_a_store_refuses_is_tried_again_and_nowhere_to_be_read(stage):
    variables = {"MY_KEY": "any", "MY_SECRET": SECRET, "LOG_LEVEL": "DEBUG"}
    with ScriptedS3(fault(403, "SignatureDoesNotMatch")) as store:
        done = called(stage, bucket(store, **KEYS), **variables)
    document = json.loads(done.stdout)
    shown = stage.call("show", document["execution_id"], "--json", **NO_CREDENTIALS, **variables)
    log = stage.call("show", document["execution_id"], "--node", "list", **NO_CREDENTIALS, **variables)

    failed = node(document, "list")
    assert (failed["state"], failed["attempt"], failed["error"]["type"]) == ("failed", 2, "AccessRefused")
    assert "SignatureDoesNotMatch" in log.stdout
    assert "DEBUG botocore" in done.stderr
    everything = [text for one in (done, shown, log) for text in (one.stdout, one.stderr)]
    everything += dump(stage.folder / "pypeline.db")
    assert len(everything) > 20
    assert not [part for part in everything if SECRET in part]
