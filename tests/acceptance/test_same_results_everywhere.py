"""``document-stats`` embedded, on RabbitMQ and on Redis: the same pipeline, the same results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli_stage import RABBITMQ, REDIS, Stage, require_broker

EXAMPLE = Path(__file__).parents[2] / "examples" / "documents"


@pytest.fixture(scope="module")
def embedded_results(tmp_path_factory):
    """Of every node and item, by name and index; run as the README does it, without any server."""
    stage = stage_in(tmp_path_factory.mktemp("embedded"), broker="", database="")
    return results_of(stage.json("run", "document-stats"))


@pytest.mark.parametrize("broker", [RABBITMQ, REDIS], ids=["rabbitmq", "redis"])
def test_a_broker_changes_nothing_in_the_results(broker, embedded_results, tmp_path, postgres_url):
    stage = stage_in(tmp_path, broker=require_broker(broker), database=postgres_url)
    assert stage.call("db", "upgrade").returncode == 0

    with stage.worker("--name", "documents-worker", "-c", "2", "-n", f"{stage.queue}@%h"):
        document = stage.json("run", "document-stats")
    stage.forget()

    assert document["state"] == "success"
    assert results_of(document) == embedded_results
    assert (tmp_path / "report" / "report.json").is_file()


def stage_in(folder: Path, *, broker: str, database: str) -> Stage:
    """The example in a folder of its own, on a queue that no other test reads."""
    stage = Stage(folder, broker, database)
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("report"))
    file = folder / "sermos.yaml"
    text = file.read_text().replace("queue: documents  ", f"queue: {stage.queue}  ")
    assert stage.queue in text
    file.write_text(text)
    return stage


def results_of(document):
    found = {(node["node"], node["index"]): node["result"] for node in document["nodes"]}
    assert found["report", None]["files"] == len(list((EXAMPLE / "texts").iterdir()))
    return found
