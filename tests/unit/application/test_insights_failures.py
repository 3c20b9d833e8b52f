"""When failures are alike, and the groups that they make."""

from __future__ import annotations

import json

import pytest

from insight_shop import Shop, failing
from pypeline.application.insights.signatures import last_place, message_shape
from pypeline.store.sql_store import SqlStore
from timetable import sql

OWN = '  File "/srv/app/warehouse/tables.py", line 88, in align\n    raise ValueError\n'
LIBRARY = '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode\n    raise\n'
PACKAGE = '  File "/venv/lib/python3.11/site-packages/requests/api.py", line 59, in get\n    return\n'


@pytest.fixture
def shop(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield Shop(tmp_path, store)


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        ("table on page 7 has 5 columns, header has 16", "table on page n has n columns, header has n"),
        (
            "'utf-8' codec can't decode byte 0xe4 in position 118",
            "'…' codec can't decode byte 0x… in position n",
        ),
        ("can't open 'a' and don't need 'b'", "can't open '…' and don't need '…'"),
        ('no tenant "acme" in `eu`', 'no tenant "…" in `…`'),
        ("took 1,000.5 s until 10:23:16", "took n s until n"),
        ("row user_17 of etl-2", "row user_n of etl-n"),
        ("sha1 of utf8 in v2", "sha1 of utf8 in v2"),
        ("run 6f0c2f0e-7a52-4f0e-9c25-0c8a4f6d1e0b failed", "run 0x… failed"),
        ("object at deadbeef01 is a facade", "object at 0x… is a facade"),
        ("first line\nsecond line", "first line"),
        ("", ""),
    ],
)
def test_a_message_is_reduced_to_its_shape(message, shape):
    assert message_shape(message) == shape


def test_a_shape_is_bounded_whatever_the_message():
    assert len(message_shape("'" * 5_000 + "9" * 5_000)) <= 200


def test_the_place_is_the_innermost_frame_outside_of_libraries():
    outer = OWN.replace("tables.py", "tasks.py")

    assert last_place(outer + OWN + PACKAGE + LIBRARY) == "warehouse/tables.py:88 in align"


def test_without_a_frame_of_the_users_the_place_is_the_librarys():
    assert last_place(PACKAGE + LIBRARY) == "json/decoder.py:355 in raw_decode"


@pytest.mark.parametrize("trace", [None, "", "no frame here", '  File "cut off'])
def test_without_a_frame_there_is_no_place(trace):
    assert last_place(trace) is None


def test_a_place_may_be_on_windows():
    assert last_place(OWN.replace("/", "\\")) == "warehouse/tables.py:88 in align"


def test_alike_failures_make_one_group(shop):
    first = shop.run("each", failing("map", "row 12 is empty", items=(0, 2)))
    second = shop.run("each", failing("map", "row 7 is empty", items=(1,)))

    found = shop.insights.failures()

    [group] = found["groups"]
    assert found["failures"] == 3
    assert (group["pipeline_id"], group["node"], group["type"]) == ("each", "map", "ValueError")
    assert (group["message"], group["place"]) == ("row n is empty", "demo/tasks.py:8 in map")
    assert (group["count"], group["runs"]) == (3, 2)
    assert [(one["execution_id"], one["index"]) for one in group["samples"]] == [
        (second, 1),
        (first, 2),
        (first, 0),
    ]
    assert group["first_at"] < group["last_at"]
    assert json.loads(json.dumps(found)) == found


def test_a_group_has_a_key_that_lasts(shop):
    shop.run("load", failing("clean", "row 1"))
    [before] = shop.insights.failures()["groups"]
    shop.run("load", failing("clean", "row 2"))
    shop.run("load", failing("extract", "row 2"))
    other, after = shop.insights.failures()["groups"]

    assert after["signature"] == before["signature"]
    assert other["signature"] != before["signature"]


def test_a_group_tells_when_its_failures_came(shop):
    shop.run("load", failing("clean"))
    sql(shop.store, "UPDATE pypeline_attempt SET finished_at = shift(finished_at, :by)", by=-6.5 * 86_400.0)
    shop.run("load", failing("clean"))

    [group] = shop.insights.failures()["groups"]

    assert (len(group["slots"]), sum(group["slots"])) == (28, 2)
    assert (group["slots"][1] + group["slots"][2], group["slots"][-1]) == (1, 1)


def test_other_nodes_and_messages_make_groups_of_their_own_newest_first(shop):
    shop.run("load", failing("extract"))
    shop.run("load", failing("clean"))
    shop.run("load", failing("clean", "another"))

    groups = shop.insights.failures()["groups"]

    assert [(group["node"], group["message"]) for group in groups] == [
        ("clean", "another"),
        ("clean", "no luck"),
        ("extract", "no luck"),
    ]


def test_a_group_has_few_samples_however_large_it_is(shop):
    for _ in range(12):
        shop.run("load", failing("clean"))

    [group] = shop.insights.failures()["groups"]

    assert (group["count"], len(group["samples"])) == (12, 10)


def test_failures_may_be_of_one_pipeline_and_of_a_bounded_number(shop):
    shop.run("load", failing("clean"))
    shop.run("each", failing("map"))

    of_load = shop.insights.failures(pipeline_id="load")
    newest = shop.insights.failures(limit=1)

    assert [group["pipeline_id"] for group in of_load["groups"]] == ["load"]
    assert not of_load["truncated"]
    assert newest["failures"] == 1
    assert newest["truncated"]
