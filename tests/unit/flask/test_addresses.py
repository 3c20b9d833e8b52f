"""Where it is safe to listen."""

from __future__ import annotations

import pytest

from pypeline.config import Settings
from pypeline.errors import InvalidSetting
from pypeline.flask.addresses import require_keys, split_address

BARE = Settings.load({})
KEYED = Settings.load({"PYPELINE_ACCESS_KEY": "secret"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_key(host):
    require_keys(BARE, [host])


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", None]
)
def test_what_others_reach_needs_keys(host):
    require_keys(KEYED, [host])
    with pytest.raises(InvalidSetting, match="set keys, for example PYPELINE_ACCESS_KEYS="):
        require_keys(BARE, ["127.0.0.1", host])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8001", ("127.0.0.1", 8001)),
        ("localhost", ("localhost", 8000)),
        (":8001", ("", 8001)),
        ("[::1]:8001", ("::1", 8001)),
        ("[::1]", ("::1", 8000)),
        ("[::]:0", ("::", 0)),
    ],
)
def test_an_address_is_host_and_port(text, expected):
    assert split_address(text) == expected


@pytest.mark.parametrize(
    "text", ["::1:8000", "unix:/run/x", "a:b", "127.0.0.1:70000", "http://localhost:8000"]
)
def test_what_is_none_is_told(text):
    with pytest.raises(ValueError, match="write HOST:PORT"):
        split_address(text)
