"""Messages as bytes on the wire of AMQP."""

from __future__ import annotations

from struct import unpack_from

import amqp
import pytest
from amqp.serialization import loads
from hypothesis import given
from hypothesis import strategies as st

from celery_fakes import a_message, a_ref
from pypeline.store.records import AttemptRef
from pypeline.tasks.brokers.frames import content_frames, publish_frame
from pypeline.tasks.brokers.messages import BODY, CONTENT_ENCODING, CONTENT_TYPE, headers_of, properties_of

refs = st.builds(
    AttemptRef, st.uuids().map(str), st.integers(0, 10**6), st.integers(-1, 10**6), st.integers(1, 10**6)
)
handlers = st.text(min_size=1, max_size=40)


def frames_in(data: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, channel and payload of each frame."""
    found, at = [], 0
    while at < len(data):
        kind, channel, size = unpack_from(">BHI", data, at)
        assert data[at + 7 + size] == 0xCE
        found.append((kind, channel, data[at + 7 : at + 7 + size]))
        at += 8 + size
    return found


@given(refs, handlers)
def test_a_client_reads_the_headers_and_properties_that_were_meant(ref, handler):
    sent = a_message(ref, handler=handler)

    header, body = frames_in(content_frames(7, sent))

    read = amqp.Message()
    read.inbound_header(header[2])
    assert (header[:2], body[:2]) == ((2, 7), (3, 7))
    assert body[2].decode() == BODY
    assert read.body_size == len(body[2])
    assert read.properties == {
        "content_type": CONTENT_TYPE,
        "content_encoding": CONTENT_ENCODING,
        "application_headers": headers_of(sent),
        **properties_of(sent),
    }


@given(refs, handlers)
def test_py_amqp_would_write_the_same_size(ref, handler):
    sent = a_message(ref, handler=handler)
    theirs = amqp.Message(
        BODY,
        content_type=CONTENT_TYPE,
        content_encoding=CONTENT_ENCODING,
        application_headers=headers_of(sent),
        **properties_of(sent),
    )

    header, _ = frames_in(content_frames(1, sent))

    assert len(header[2]) == 12 + len(theirs._serialize_properties())


def test_the_method_names_the_default_exchange_and_the_queue():
    [(kind, channel, payload)] = frames_in(publish_frame(3, "demo"))

    assert (kind, channel, unpack_from(">HH", payload)) == (1, 3, (60, 40))
    assert loads("Bssbb", payload, 4)[0] == [0, "", "demo", False, False]


@pytest.mark.parametrize("position", [9, 9_999])
def test_a_message_is_under_a_kilobyte_in_a_run_of_ten_nodes_and_of_ten_thousand(position):
    ref = AttemptRef("0b7a7a5e-3f0e-4f5c-8a53-0d6f6f0b9f11", position, -1, 1)
    sent = a_message(ref, handler=f"{'package.' * 8}tasks.handler")

    size = len(publish_frame(1, "a-queue-of-some-length") + content_frames(1, sent))

    assert size < 1024


def test_a_message_of_ten_thousand_nodes_is_longer_by_the_digits_of_a_position_alone():
    small, large = (content_frames(1, a_message(AttemptRef("run", at, -1, 1))) for at in (9, 9_999))

    # Its id stands in a header and in the correlation id.
    assert len(large) - len(small) == 2 * len("999")
    assert len(content_frames(1, a_message(a_ref()))) == len(small)
