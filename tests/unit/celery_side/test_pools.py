"""What Celery's pools can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery.concurrency.prefork import TaskPool
from celery.concurrency.thread import TaskPool as ThreadPool

from pypeline.tasks.workers.pools import POOLS, pool_name

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "run-workers.md"


class OwnPool(TaskPool):
    """A pool of the user's, based on one of Celery's."""


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("prefork", "prefork"),
        ("processes", "prefork"),
        ("solo", "solo"),
        (TaskPool, "prefork"),
        (ThreadPool, "threads"),
        (OwnPool, "prefork"),
    ],
)
def test_a_pool_is_known_by_the_name_that_the_option_takes(given, name):
    assert pool_name(given) == name


def test_only_processes_can_be_ended():
    assert [name for name, abilities in POOLS.items() if abilities.hard_limits] == ["prefork"]


def test_the_guide_describes_every_pool():
    page = GUIDE.read_text(encoding="utf-8")

    assert [name for name in POOLS if f"| `{name}`" not in page] == []
