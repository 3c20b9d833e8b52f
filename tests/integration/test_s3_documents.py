"""The example ``s3-documents`` on a store of its own: embedded, and through RabbitMQ and PostgreSQL."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from cli_stage import CLEAN, RABBITMQ, Stage, require_broker
from private_s3 import PrivateS3

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "s3_documents"
TEXTS = [path.read_bytes() for path in sorted((EXAMPLES / "documents" / "texts").iterdir())]


@pytest.fixture(scope="module")
def store():
    """Filled as the README does it."""
    with PrivateS3() as server:
        subprocess.run([sys.executable, EXAMPLE / "fill.py"], env=CLEAN | access(server), check=True)
        yield server


def access(server):
    return {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DOCUMENTS_BUCKET": "documents",
    }


def stage_in(folder, broker, database):
    """The example in a folder of its own, on a queue that no other test reads."""
    stage = Stage(folder, broker, database)
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    file = folder / "sermos.yaml"
    text = file.read_text().replace("queue: s3-documents\n", f"queue: {stage.queue}\n")
    assert stage.queue in text
    file.write_text(text)
    return stage


def counts(texts):
    return {
        "documents": len(texts),
        "bytes": sum(len(text) for text in texts),
        "lines": sum(text.count(b"\n") for text in texts),
        "words": sum(len(text.split()) for text in texts),
    }


def report_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["nodes"][-1]["result"]


def written(store, name):
    bucket, _, key = name.partition("/")
    with closing(_client(store)) as s3:
        return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])


def _client(store):
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def test_every_document_of_the_bucket_is_counted(store, tmp_path):
    stage = stage_in(tmp_path, "", "")

    report = report_of(stage.call("run", "s3-documents", "--json", **access(store)))

    assert counts(TEXTS).items() <= report.items()
    assert len(written(store, report["report"])["rows"]) == len(TEXTS)


def test_a_folder_without_documents_makes_no_report(store, tmp_path):
    stage = stage_in(tmp_path, "", "")
    payload = ("--payload", '{"folder": "letters"}')

    done = stage.call("run", "s3-documents", "--json", *payload, **access(store))

    states = {node["node"]: node["state"] for node in json.loads(done.stdout)["nodes"]}
    assert states == {"list": "success", "count": "success", "report": "skipped"}


def test_a_worker_of_a_broker_lists_what_no_service_registers(store, tmp_path, postgres_url):
    stage = stage_in(tmp_path, require_broker(RABBITMQ), postgres_url)
    assert stage.call("db", "upgrade").returncode == 0

    options = ("--name", "s3-documents-worker", "-c", "2", "-n", f"{stage.queue}@%h")
    with stage.worker(*options, **access(store)):
        # Only the worker knows where the bucket is, and how it is opened.
        report = report_of(stage.call("run", "s3-documents", "--json", "--payload", '{"most": 20}'))
    stage.forget()

    assert counts(TEXTS[:20]).items() <= report.items()
