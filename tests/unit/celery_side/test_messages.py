"""What an attempt looks like on its way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_fakes import a_message, a_ref
from pypeline.store.records import AttemptRef
from pypeline.tasks.brokers.messages import BODY, HEADER, headers_of, properties_of, read_ref, task_id

refs = st.builds(
    AttemptRef,
    st.uuids().map(str),
    st.integers(0, 10**6),
    st.integers(-1, 10**6),
    st.integers(1, 10**6),
)


@given(refs)
def test_an_attempt_arrives_as_it_was_sent(ref):
    carried = json.loads(json.dumps(headers_of(a_message(ref))))[HEADER]

    assert read_ref(carried) == ref


@given(refs, refs)
def test_two_attempts_never_share_a_task_id(one, other):
    assert (task_id(one) == task_id(other)) == (one == other)


@given(refs)
def test_a_message_is_under_a_kilobyte(ref):
    message = a_message(ref, handler=f"{'package.' * 10}tasks.handler")
    text = json.dumps([headers_of(message), properties_of(message)]) + BODY

    assert len(text) < 1024


def test_the_body_has_no_arguments_and_calls_nothing_after():
    arguments, keywords, embedded = json.loads(BODY)

    assert (arguments, keywords) == ([], {})
    assert set(embedded.values()) == {None}


def test_a_task_is_rooted_in_its_run_and_named_for_its_handler():
    headers = headers_of(a_message(a_ref(4, run_id="r1"), handler="demo.tasks.clean"))

    assert (headers["root_id"], headers["task"], headers["id"]) == ("r1", "demo.tasks.clean", "r1:0:4:1")


@pytest.mark.parametrize(
    "garbled", [["run", 1], "run", 7, ["run", "x", -1, 1], {"run": 1}, [None, None, 1, 1]]
)
def test_a_garbled_header_is_a_value_error(garbled):
    with pytest.raises(ValueError, match="pypeline"):
        read_ref(garbled)
