"""Nodes that list files, in ``sermos.yaml``."""

from __future__ import annotations

import pytest
import yaml

from pypeline.config import json_schema, load_config, plan_from_document
from pypeline.config.required import require_handlers
from pypeline.errors import InvalidConfiguration
from pypeline.runs.listing import LIST_FILES, Bucket, Listing

S3 = {"type": "s3", "bucket": "b"}
LOCAL = {"type": "local", "root": "/data"}
NO_CHOICE = "holds a `${…}`: no payload chooses this"
NOTHING = "holds a `${…}` that names nothing, write ${payload.name}"
NO_SECRET = "is no reference to the environment, write ${VAR} alone"
NO_LIMIT = "is no number of files, write a whole number of at least 1, or one ${payload.name}"
ELSEWHERE = "leads elsewhere, write a folder beneath `root`"
SEVERAL_QUEUES = """
serviceConfig:
  - {name: one, registeredTasks: [{handler: m.one}]}
  - {name: two, registeredTasks: [{handler: m.two}]}
pipelines:
  p:
    config:
      metadata: {queue: shared}
      dagAdjacency: {list: [], again: [], one: [], two: []}
      taskDefinitions:
        list: {generator: {type: local, root: /data}}
        again: {generator: {type: local, root: /data}, queue: first}
        one: {handler: m.one, queue: first}
        two: {handler: m.two, queue: second}
"""


def document(generator, **more):
    return {
        "config": {
            "metadata": {"queue": "q"},
            "dagAdjacency": {"list": ["each"]},
            "taskDefinitions": {"list": {"generator": generator, **more}, "each": {"handler": "m.f"}},
        }
    }


def loaded(folder, text, env=None):
    (folder / "sermos.yaml").write_text(text)
    return load_config(folder / "sermos.yaml", env=env or {})


def faults(folder, generator, env=None, **more):
    with pytest.raises(InvalidConfiguration) as caught:
        loaded(folder, yaml.safe_dump({"pipelines": {"p": document(generator, **more)}}), env)
    return caught.value.findings


def step(generator, env=None):
    return plan_from_document("p", document(generator), env=env or {}).steps[0]


def test_a_bucket_is_listed_as_the_file_says():
    every = {
        **S3,
        "prefix": "p/${payload.day}/",
        "pattern": "*.txt",
        "limit": "${payload.most}",
        "offset": 2,
        "recursive": True,
        "sizeLimit": 3_000_000_000,
        "region": "eu-central-1",
        "endpointUrl": "http://localhost:9000",
        "accessKey": "${KEY}",
        "secretKey": "${SECRET}",
        "returnFullPath": False,
    }

    assert step(every).listing == Listing(
        place="b",
        bucket=Bucket(
            region="eu-central-1", endpoint="http://localhost:9000", access_key="KEY", secret_key="SECRET"
        ),
        beginning="p/${payload.day}/",
        pattern="*.txt",
        limit="${payload.most}",
        offset=2,
        size_limit=3_000_000_000,
        recursive=True,
        full_path=False,
    )


def test_a_folder_is_listed_as_the_file_says():
    found = step({**LOCAL, "path": "in/${payload.folder}/"})

    assert found.listing == Listing(place="/data", beginning="in/${payload.folder}")
    assert found.handlers == (LIST_FILES,)


def test_variables_of_the_environment_stand_beside_those_of_the_payload():
    generator = {**S3, "bucket": "${BUCKET}", "prefix": "${BASE:in}/${payload.day}", "limit": "${MOST:7}"}

    listing = step(generator, {"BUCKET": "mine", "payload": "never", "day": "never"}).listing

    assert (listing.place, listing.beginning, listing.limit) == ("mine", "in/${payload.day}", 7)


def test_a_key_to_a_bucket_is_never_read_from_the_environment_of_a_configuration():
    generator = {**S3, "accessKey": "${KEY}", "secretKey": "${SECRET}"}

    found = step(generator, {"KEY": "who", "SECRET": "s3cret"})

    assert found == step(generator)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("generator", "place", "words"),
    [
        ({"type": "s3"}, "generator.bucket", "is missing"),
        ({"type": "local"}, "generator.root", "is missing"),
        ({**S3, "bucket": "b-${payload.day}"}, "generator.bucket", NO_CHOICE),
        ({**S3, "bucket": "s3://b"}, "generator.bucket", "is an address, write the name of the bucket alone"),
        ({**S3, "region": "${payload.r}"}, "generator.region", NO_CHOICE),
        ({**S3, "endpointUrl": "http://${payload.host}"}, "generator.endpointUrl", NO_CHOICE),
        ({**S3, "endpointUrl": "localhost:9000"}, "generator.endpointUrl", "is no address"),
        ({**S3, "endpointUrl": "http://["}, "generator.endpointUrl", "is no address"),
        ({**S3, "endpointUrl": "http://me:pw@h"}, "generator.endpointUrl", "holds a user or a password"),
        ({**LOCAL, "root": "/data/${payload.folder}"}, "generator.root", NO_CHOICE),
        ({**LOCAL, "root": "data"}, "generator.root", "is not absolute, write the whole path"),
        ({**S3, "prefix": "${payload}"}, "generator.prefix", "`${payload}` has no value"),
        ({**S3, "prefix": "${payload.}"}, "generator.prefix", NOTHING),
        ({**S3, "prefix": "${payload.a..b}"}, "generator.prefix", NOTHING),
        ({**S3, "prefix": "${Payload.day}"}, "generator.prefix", NOTHING),
        ({**S3, "prefix": 2026}, "generator.prefix", "should be text but is `2026`, quote it"),
        ({**S3, "pattern": "a/*.txt"}, "generator.pattern", "has a slash"),
        ({**S3, "pattern": ""}, "generator.pattern", "is empty"),
        ({**S3, "limit": 0}, "generator.limit", NO_LIMIT),
        ({**S3, "limit": "many"}, "generator.limit", NO_LIMIT),
        ({**S3, "limit": True}, "generator.limit", NO_LIMIT),
        ({**S3, "limit": "1${payload.most}"}, "generator.limit", NO_LIMIT),
        ({**S3, "offset": "${payload.o}"}, "generator.offset", "should be a whole number"),
        ({**S3, "offset": -1}, "generator.offset", "it must be at least 0"),
        ({**S3, "sizeLimit": "big"}, "generator.sizeLimit", "should be a whole number but is `big`"),
        ({**S3, "recursive": "deep"}, "generator.recursive", "should be true or false"),
        ({**S3, "accessKey": "${K}"}, "list.generator", "has one of `accessKey` and `secretKey`, write both"),
        ({**S3, "bukcet": "c"}, "generator.bukcet", "unknown key, did you mean `bucket`?"),
        ({**S3, "root": "/data"}, "generator.root", "unknown key, remove it; known here: accessKey, bucket"),
        ({**LOCAL, "prefix": "p"}, "generator.prefix", "unknown key, remove it; known here: limit, offset"),
        ({**LOCAL, "path": "../other"}, "generator.path", ELSEWHERE),
        ({**LOCAL, "path": "/etc"}, "generator.path", ELSEWHERE),
        ({**LOCAL, "path": "a/./b"}, "generator.path", ELSEWHERE),
        ({**LOCAL, "path": "${payload.a}/../${payload.b}"}, "generator.path", ELSEWHERE),
    ],
)
def test_one_mistake_is_one_finding_at_its_place(tmp_path, generator, place, words):
    (finding,) = faults(tmp_path, generator)

    assert finding.path.endswith(place)
    assert words in str(finding)
    text = (tmp_path / "sermos.yaml").read_text().splitlines()[finding.line - 1]
    assert place.rpartition(".")[2] in text or words == "is missing"


@pytest.mark.parametrize("written", ["s3cret", "${SECRET:s3cret}", "a${SECRET}", 1234567, ["s3cret"], True])
def test_a_secret_that_is_written_out_is_refused_and_not_quoted(tmp_path, written):
    keys = {"accessKey": "${KEY}", "secretKey": written}

    (finding,) = faults(tmp_path, {**S3, **keys}, {"SECRET": "s3cret", "KEY": "who"})

    assert NO_SECRET in str(finding)
    assert "s3cret" not in str(finding)
    assert "1234567" not in str(finding)


def test_a_listing_for_each_element_is_refused(tmp_path):
    data = document(LOCAL, forEach="each")
    data["config"]["dagAdjacency"] = {"each": ["list"]}

    with pytest.raises(InvalidConfiguration) as caught:
        loaded(tmp_path, yaml.safe_dump({"pipelines": {"p": data}}))

    assert "forEach: stands beside `generator`" in str(caught.value)


def test_a_key_of_older_files_is_ignored_there(tmp_path):
    config = loaded(tmp_path, yaml.safe_dump({"pipelines": {"p": document({**S3, "port": 1})}}))

    assert "port" in str(config.warnings[0])


@pytest.mark.parametrize(
    ("service", "queues"),
    [("one", ("first", "rest", "shared")), ("two", ("rest", "second", "shared")), (None, ...)],
)
def test_a_queue_that_needs_only_what_every_worker_has_is_read_by_all(tmp_path, service, queues):
    every = ("first", "rest", "second", "shared")

    read = loaded(tmp_path, SEVERAL_QUEUES).queues(service, "rest")

    assert read == (every if queues is ... else queues)


def test_listing_is_no_handler_that_anybody_registers(tmp_path):
    config = loaded(tmp_path, SEVERAL_QUEUES)

    assert set(config.handlers()) == {"m.one", "m.two"}
    assert config.sent_to("rest")["shared"] == frozenset()


def test_a_process_of_its_own_needs_nothing_more_for_a_node_that_lists(tmp_path):
    graph = {"metadata": {"queue": "q"}, "dagAdjacency": {"list": []}}
    data = {"config": {**graph, "taskDefinitions": {"list": {"generator": LOCAL}}}}
    config = loaded(tmp_path, yaml.safe_dump({"pipelines": {"p": data}}))

    require_handlers(config, config.plan("p"), None)

    assert config.queues(None, "rest") == ("q", "rest")


def test_the_schema_knows_what_may_stand_in_a_generator():
    s3 = json_schema()["$defs"]["S3Files"]["properties"]

    assert {"bucket", "prefix", "accessKey", "returnFullPath", "sizeLimit"} <= set(s3)
    assert any(part.get("pattern", "").startswith(r"^\$\{payload\.") for part in s3["limit"]["anyOf"])
    assert set(json_schema()["$defs"]["LocalFiles"]["required"]) == {"type", "root"}
