from __future__ import annotations

import pytest

from plans import chain
from pypeline.application.inputs import require_replacements
from pypeline.errors import InvalidPayload


def test_the_index_of_a_handler_passes():
    require_replacements(chain(1), {"n0": 0})


@pytest.mark.parametrize("index", ["0", None, True, 0.0, -1, 1])
def test_what_is_no_index_of_a_handler_is_refused(index):
    with pytest.raises(InvalidPayload, match=f"n0 has handlers 0 to 0, not {index!r}"):
        require_replacements(chain(1), {"n0": index})
