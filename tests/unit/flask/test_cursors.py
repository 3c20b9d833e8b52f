"""Pages of lists: complete, each row once, whatever arrives meanwhile; and cursors that are none."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from flask_shop import problem_of


def pages(caller, path, member, between=lambda: None):
    """Each page of a list, following its cursors; something happens between two."""
    found, cursor = [], ""
    while cursor is not None:
        answer = caller.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor and '&cursor=' + cursor}")
        assert answer.status_code == 200, answer.text
        found.append(answer.json[member])
        cursor = answer.json["next"]
        between()
    return found


def flat(found):
    return [row for page in found for row in page]


def encoded(text):
    return urlsafe_b64encode(text).decode().rstrip("=")


def decoded(cursor):
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


@pytest.fixture
def lists(admin):
    """A page of each list that has another one behind it."""
    for number in range(4):
        run_id = admin.invoke("squares")
        admin.post("/schedules", {"id": f"s{number}", "pipeline": "hello", "every": "1 hour"})
    return {
        "/runs": admin.get("/runs?limit=1").json,
        f"/runs/{run_id}/nodes": admin.get(f"/runs/{run_id}/nodes?limit=1").json,
        "/schedules": admin.get("/schedules?limit=1").json,
        "/audit": admin.get("/audit?limit=1").json,
        "/pipelines": admin.get("/pipelines?limit=1").json,
    }


# — the pages —


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
def test_each_run_is_on_one_page_newest_first_and_no_page_is_empty(admin, number):
    made = [admin.invoke() for _ in range(number)]

    found = pages(admin, "/runs", "runs")

    assert [run["execution_id"] for run in flat(found)] == made[::-1]
    assert len(found) == max(1, -(-number // 2))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_each_schedule_is_on_one_page_and_no_page_is_empty(admin, number):
    for index in range(number):
        admin.post("/schedules", {"id": f"s{index}", "pipeline": "hello", "every": "1 hour"})

    found = pages(admin, "/schedules", "schedules")

    assert [one["id"] for one in flat(found)] == [f"s{index}" for index in range(number)]
    assert len(found) == max(1, -(-number // 2))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_each_change_is_on_one_page_of_the_audit_and_no_page_is_empty(admin, number):
    for _ in range(number):
        admin.invoke()

    found = pages(admin, "/audit", "entries")

    identifiers = [one["id"] for one in flat(found)]
    assert len(identifiers) == number
    assert identifiers == sorted(set(identifiers), reverse=True)
    assert len(found) == max(1, -(-number // 2))


def test_each_pipeline_is_on_one_page_by_id(reader):
    found = pages(reader, "/pipelines", "pipelines")

    assert [one["pipeline_id"] for one in flat(found)] == [
        "fails",
        "hello",
        "squares",
        "strict",
        "two-ends",
        "waits",
    ]
    assert [len(page) for page in found] == [2, 2, 2]


def test_each_attempt_that_failed_is_on_one_page_newest_first(worked):
    run_id = worked.invoke("fails")
    worked.ended(run_id)
    for _ in range(4):
        worked.post(f"/runs/{run_id}/retry", {})
        worked.ended(run_id)

    found = flat(pages(worked, f"/runs/{run_id}/happened", "happened"))

    assert [one["attempt"] for one in found] == [5, 4, 3, 2, 1]


def test_each_node_is_on_one_page_in_the_order_of_the_graph(worked):
    run_id = worked.invoke("squares", {"count": 4})
    worked.ended(run_id)

    found = flat(pages(worked, f"/runs/{run_id}/nodes", "nodes"))

    assert [(one["node"], one["index"]) for one in found] == [
        ("numbers", None),
        ("square", None),
        *(("square", index) for index in range(4)),
        ("total", None),
    ]


def test_rows_that_arrive_between_two_pages_move_nothing(admin):
    before = [admin.invoke() for _ in range(5)]

    found = [run["execution_id"] for run in flat(pages(admin, "/runs", "runs", between=admin.invoke))]

    assert found == before[::-1]


def test_changes_that_are_made_between_two_pages_of_the_audit_move_nothing(admin):
    for _ in range(5):
        admin.invoke()
    before = [one["id"] for one in admin.get("/audit").json["entries"]]

    assert [one["id"] for one in flat(pages(admin, "/audit", "entries", between=admin.invoke))] == before


def test_a_schedule_that_is_deleted_between_two_pages_takes_none_with_it(admin):
    for number in range(5):
        admin.post("/schedules", {"id": f"s{number}", "pipeline": "hello", "every": "1 hour"})
    gone = iter(["s1", "s3"])

    found = pages(admin, "/schedules", "schedules", lambda: admin("DELETE", f"/schedules/{next(gone, 'x')}"))

    assert [one["id"] for one in flat(found)] == ["s0", "s1", "s2", "s3", "s4"]


def test_pages_of_a_filtered_list_hold_what_the_filter_lets_through(admin):
    wanted = []
    for _ in range(3):
        wanted.append(admin.invoke("squares"))
        admin.invoke("hello")

    found = flat(pages(admin, "/runs?pipeline=squares", "runs"))

    assert [run["execution_id"] for run in found] == wanted[::-1]


# — cursors that are none —


@pytest.mark.parametrize(
    "cursor", ["", "x", "====", "!!!!", "%00", "é", "null", encoded(b"5"), encoded(b'"s"'), encoded(b":")]
)
def test_a_text_that_is_no_cursor_is_422(admin, lists, cursor):
    for path in lists:
        assert "cursor" in problem_of(admin.get(f"{path}?cursor={cursor}"), 422)


@pytest.mark.parametrize(
    "key",
    [
        None,
        [],
        {},
        -1,
        10**30,
        "\0",
        0.5,
        [1, 2, 3],
        [10**30, 10**30],
        [-(10**30), 0],
        [0, -2],
        ["2026-01-01T00:00:00", "r"],
        ["0001-01-01T00:00:00+14:00", "r"],
        ["9999-12-31T23:59:59-14:00", "r"],
        ["2026-01-01T00:00:00Z", "\0"],
        [1, "r"],
    ],
    ids=repr,
)
def test_a_cursor_that_somebody_made_up_is_422(admin, lists, key):
    for path, page in lists.items():
        name, _, _ = decoded(page["next"]).partition(b":")
        cursor = encoded(name + b":" + json.dumps(key).encode())

        assert "cursor" in problem_of(admin.get(f"{path}?cursor={cursor}"), 422)


def test_the_cursor_of_one_list_is_none_of_another(admin, lists):
    for path in lists:
        for other, page in lists.items():
            status = 200 if path == other else 422
            assert admin.get(f"{path}?cursor={page['next']}").status_code == status, (path, other)


def test_a_cursor_that_lost_or_won_a_character_is_422(admin, lists):
    for path, page in lists.items():
        for cursor in (page["next"][:-2], page["next"][1:], page["next"] + ".", "$" + page["next"]):
            problem_of(admin.get(f"{path}?cursor={cursor}"), 422)


def test_a_cursor_of_a_row_that_is_gone_still_tells_where_to_go_on(admin):
    for number in range(3):
        admin.post("/schedules", {"id": f"s{number}", "pipeline": "hello", "every": "1 hour"})
    cursor = admin.get("/schedules?limit=1").json["next"]
    admin("DELETE", "/schedules/s0")

    assert [one["id"] for one in admin.get(f"/schedules?cursor={cursor}").json["schedules"]] == ["s1", "s2"]
