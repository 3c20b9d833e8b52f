"""Fixtures and profiles that every test may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from services import postgres_database, postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

# No deadline: the time of one example says nothing on a machine that is shared.
settings.register_profile("dev", max_examples=60, deadline=None, print_blob=True)
settings.register_profile("ci", max_examples=300, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

# Output is as wide as a test says: pytest-xdist tells its processes the width of the terminal.
os.environ.pop("COLUMNS", None)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, made for this session."""
    with postgres_server() as server, postgres_database(server) as url:
        yield url
