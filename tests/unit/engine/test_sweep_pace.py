"""When the sweep takes a message for lost."""

from __future__ import annotations

import pytest

from pypeline.engine.sweep import SweepPace


@pytest.mark.parametrize("lease", [0.5, 4.0, 30.0, 3600.0])
def test_a_loss_that_the_last_claims_did_not_tell_of_is_mended_within_a_lease(lease):
    pace = SweepPace.within(lease)

    assert 0 < pace.margin <= 5.0
    assert pace.grace > 0
    assert pace.margin + pace.grace <= lease
