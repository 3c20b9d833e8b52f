from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.runs.retries import RetryPolicy

SEED = st.integers(0, 2**32)


def delays(policy, tries):
    return [policy.delay(number, Random(0)) for number in tries]


def test_the_delay_doubles_with_each_try():
    assert delays(RetryPolicy(backoff=3), range(1, 6)) == [3, 6, 12, 24, 48]


def test_the_delay_stops_growing_at_its_cap():
    assert delays(RetryPolicy(backoff=3, backoff_max=10), (1, 2, 3, 50)) == [3, 6, 10, 10]


def test_a_cap_below_the_first_delay_holds():
    assert delays(RetryPolicy(backoff=30, backoff_max=1), (1, 2)) == [1, 1]


def test_without_a_backoff_there_is_no_delay():
    assert delays(RetryPolicy(backoff=0), (1, 2, 10**9)) == [0, 0, 0]


@given(st.integers(1, 10**30), st.floats(0, 1e300), st.floats(0, 1e300), st.booleans(), SEED)
def test_a_delay_is_finite_and_within_its_cap_after_however_many_tries(tries, backoff, cap, jitter, seed):
    policy = RetryPolicy(backoff=backoff, backoff_max=cap, jitter=jitter)

    delay = policy.delay(tries, Random(seed))

    assert math.isfinite(delay)
    assert 0 <= delay <= cap


@given(st.integers(1, 100), SEED)
def test_jitter_stays_between_nought_and_the_delay(tries, seed):
    plain, jittered = RetryPolicy(), RetryPolicy(jitter=True)

    assert 0 <= jittered.delay(tries, Random(seed)) <= plain.delay(tries, Random(seed))


def test_jitter_spreads_over_the_whole_delay():
    random = Random(1)
    policy = RetryPolicy(backoff=100, backoff_max=100, jitter=True)

    found = sorted(policy.delay(1, random) for _ in range(1_000))

    assert found[0] < 5
    assert found[-1] > 95
    assert 40 < found[500] < 60


@pytest.mark.parametrize(
    ("most", "tries", "allowed"),
    [(3, 1, True), (3, 3, True), (3, 4, False), (0, 1, False), (None, 10**9, True)],
)
def test_another_attempt_follows_as_long_as_tries_are_left(most, tries, allowed):
    assert RetryPolicy(max_retry=most).allows(tries) is allowed
