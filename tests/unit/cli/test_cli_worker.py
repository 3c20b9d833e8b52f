"""What `pypeline worker` becomes."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from pypeline.bootstrap import broker
from pypeline.cli import main, serving

CONFIG = """
serviceConfig:
  - name: slow
    registeredTasks: [{handler: os.getcwd}]
pipelines:
  one: {config: {metadata: {queue: q}, dagAdjacency: {a: []}, taskDefinitions: {a: {handler: os.getcwd}}}}
"""


@pytest.fixture
def became(tmp_path, monkeypatch):
    """What the process would be replaced by, for options of `pypeline worker`."""
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYPELINE_BROKER_URL", "amqp://localhost//")
    monkeypatch.setenv("PYPELINE_DATABASE_URL", f"sqlite:///{tmp_path}/runs.db")
    for name in ("WORKER_NAME", "PYPELINE_CONFIG", "LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    commands = []
    monkeypatch.setattr(serving.os, "execv", lambda program, command: commands.append(command))

    def call(*options):
        done = CliRunner().invoke(main, ["worker", *options])
        assert done.exit_code == 0, done.output
        return commands[-1]

    return call


def test_it_becomes_celerys_own_worker(became):
    program = [sys.executable, "-m", "celery", "-A", "pypeline.celery", "worker"]

    assert became()[:-2] == [*program, "-l", "INFO"]


def test_without_a_service_the_application_names_the_node(became, monkeypatch):
    monkeypatch.setenv("PYPELINE_APP", "my shop")

    assert became()[-2:] == ["-n", "my-shop@%h"]


def test_a_service_names_the_node_and_the_worker(became):
    command = became("--name", "slow")

    assert command[-2:] == ["-n", "slow@%h"]
    assert serving.os.environ["WORKER_NAME"] == "slow"


def test_options_are_handed_on_and_win(became):
    given = ("-Q", "a,b", "-c", "3", "--pool", "threads", "-l", "DEBUG", "-n", "me@%h", "--name", "slow")

    command = became(*given, "--", "--max-tasks-per-child", "10")

    assert command[6:] == [
        *("-Q", "a,b", "-c", "3", "-P", "threads", "-l", "DEBUG", "-n", "me@%h"),
        *("--max-tasks-per-child", "10"),
    ]


def test_the_configuration_is_named_so_that_the_worker_finds_it(became, tmp_path):
    became("--config", "sermos.yaml")

    assert serving.os.environ["PYPELINE_CONFIG"] == str(tmp_path / "sermos.yaml")


def test_a_broker_whose_client_is_missing_says_what_to_install(became, monkeypatch):
    monkeypatch.setenv("PYPELINE_BROKER_URL", "redis://localhost/0")
    monkeypatch.setattr(broker, "find_spec", lambda name: None)

    done = CliRunner().invoke(main, ["runs"])

    assert done.exit_code == 2
    assert "A broker at redis:// needs more packages: pip install 'pypeline[redis]'" in done.output


@pytest.mark.parametrize("options", [("-P", "gevent"), ("--pool=gevent",), ("--", "-P", "gevent")])
def test_a_pool_that_is_not_installed_says_what_to_install(became, monkeypatch, options):
    monkeypatch.setattr(serving, "find_spec", lambda name: None)

    done = CliRunner().invoke(main, ["worker", *options])

    assert done.exit_code == 2
    assert done.output == "error: The pool gevent needs more packages: pip install 'pypeline[web]'\n"


def test_a_pool_that_no_extra_brings_says_what_to_install(became, monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: None)

    done = CliRunner().invoke(main, ["worker", "-P", "eventlet"])

    assert done.exit_code == 2
    assert done.output == (
        "error: The pool eventlet needs a package that no extra brings: pip install eventlet\n"
    )


@pytest.mark.parametrize("pool", ["gevent", "prefork", "solo"])
def test_a_pool_that_is_installed_is_handed_on(became, monkeypatch, pool):
    monkeypatch.setattr(serving, "find_spec", lambda name: name == "gevent" or None)

    assert became("--", f"--pool={pool}")[6] == f"--pool={pool}"
