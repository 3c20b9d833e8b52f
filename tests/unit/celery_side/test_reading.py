"""Reading ahead on a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.tasks.brokers.reading import ReadAhead


@given(st.lists(st.binary(min_size=1)), st.lists(st.integers(1, 9), min_size=1))
def test_every_byte_is_read_once_and_in_order(arrivals, sizes):
    waiting = iter([*arrivals, b""])
    recv = ReadAhead(lambda _: next(waiting))

    read = []
    while piece := recv(sizes[len(read) % len(sizes)]):
        read.append(piece)

    assert b"".join(read) == b"".join(arrivals)
    assert all(len(piece) <= sizes[index % len(sizes)] for index, piece in enumerate(read))


def test_a_socket_that_has_no_more_is_asked_again_later():
    answers = iter([b"ab", BlockingIOError(), b"c"])

    def receive(_: int) -> bytes:
        answer = next(answers)
        if isinstance(answer, BlockingIOError):
            raise answer
        return answer

    recv = ReadAhead(receive)

    assert recv(7) == b"ab"
    with pytest.raises(BlockingIOError):
        recv(5)
    assert recv(5) == b"c"
