"""The suite's options, stages and table."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaos.forms import LONG, SHORT
from chaos.network import Network
from chaos.stage import Stage
from chaos.table import as_markdown
from chaos.trial import Trial
from private_rabbit import PrivateRabbit
from private_redis import PrivateRedis
from services import private_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos.forms import Form
    from chaos.table import Row
    from services import PrivatePostgres

_HERE = Path(__file__).parent
_ROWS = pytest.StashKey[list["Row"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--chaos-long", action="store_true", help="more runs, a lease of 30 s, outages of 60 s")
    group.addoption("--chaos-minutes", type=float, default=0, help="how long random faults are drawn; 0: not")
    group.addoption("--chaos-seed", type=int, help="draw the random faults of that seed again")
    group.addoption("--chaos-table", type=Path, help="write the table of faults into this file, too")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the long form a fault has half an hour."""
    if config.getoption("--chaos-long", default=False):
        for item in items:
            if item.path.parent == _HERE and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(1800))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    table = as_markdown(rows)
    terminalreporter.section("faults")
    terminalreporter.write(table)
    file = config.getoption("--chaos-table", default=None)
    if file is not None:
        file.write_text(table)


@pytest.fixture(scope="session")
def form(request: pytest.FixtureRequest) -> Form:
    """The size of the suite that was asked for."""
    return LONG if request.config.getoption("--chaos-long", default=False) else SHORT


@pytest.fixture
def long_form(form: Form) -> None:
    """Leave the test out of the short form, which has to stay under five minutes."""
    if form is not LONG:
        pytest.skip("in the long form only: --chaos-long")


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    with private_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_stage(postgres, network, form, tmp_path_factory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("rabbit")
    with ExitStack() as stack:
        rabbit = stack.enter_context(PrivateRabbit())
        yield stack.enter_context(Stage(rabbit, postgres, network, folder=folder, form=form))


@pytest.fixture(scope="session")
def redis_stage(postgres, network, form, tmp_path_factory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("redis")
    with ExitStack() as stack:
        redis = stack.enter_context(PrivateRedis())
        yield stack.enter_context(Stage(redis, postgres, network, folder=folder, form=form))


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """The table of this session."""
    return request.config.stash[_ROWS]


@pytest.fixture
def trial(rabbit_stage, rows) -> Callable[[str], Trial]:
    """A trial, by the name of its fault, on RabbitMQ and PostgreSQL."""
    return lambda fault: Trial(fault, rabbit_stage, rows)


@pytest.fixture
def redis_trial(redis_stage, rows) -> Callable[[str], Trial]:
    """A trial, by the name of its fault, on Redis and PostgreSQL."""
    return lambda fault: Trial(fault, redis_stage, rows)
