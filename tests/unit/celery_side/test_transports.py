"""Whether anything installed can talk to a broker, before anything is stored for it."""

from __future__ import annotations

import pytest

from pypeline.bootstrap import broker
from pypeline.bootstrap.broker import client_app, require_transport
from pypeline.config import Settings
from pypeline.errors import InvalidSetting, MissingExtra


def settings(url):
    return Settings.load({"PYPELINE_BROKER_URL": url, "PYPELINE_DATABASE_URL": "sqlite:///never.db"})


@pytest.mark.parametrize(
    "url",
    [
        "amqp://a//",
        "amqp://a//;amqp://b//",
        "redis://a/0",
        "redis://a",
        "confluentkafka://a:9092",
        "memory://",
    ],
)
def test_known_brokers_pass(url):
    require_transport(settings(url))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://a:99999//", "Port out of range"),
        ("amqp://a//;amqp://b:port//", "Port could not be cast"),
        ("redis://a/shop", "by a number"),
        ("confluentkafka://a", "names no port"),
    ],
)
def test_an_address_that_nobody_has_is_refused(url, said):
    with pytest.raises(InvalidSetting, match=f"PYPELINE_BROKER_URL: .*{said}"):
        require_transport(settings(url))


def test_an_unknown_scheme_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidSetting, match="PYPELINE_BROKER_URL: nonsense:// is no broker: use amqp://"):
        client_app(settings("nonsense://x"))


def test_a_transport_whose_package_is_missing_is_refused():
    with pytest.raises(InvalidSetting, match="librabbitmq:// needs the package librabbitmq"):
        require_transport(settings("librabbitmq://x"))


@pytest.mark.parametrize("missing", ["redis", "packaging"])
def test_what_an_extra_brings_is_told(monkeypatch, missing):
    monkeypatch.setattr(broker, "find_spec", lambda name: None if name == missing else object())

    with pytest.raises(MissingExtra, match=r"pip install 'pypeline\[redis\]'"):
        require_transport(settings("rediss://a/0"))
