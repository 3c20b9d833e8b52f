"""What `pypeline beat` becomes, and what stops it before."""

from __future__ import annotations

import os
import sys

import pytest
from click.testing import CliRunner

from pypeline.cli import main, serving

CONFIG = """
pipelines:
  one: {config: {metadata: {queue: q}, dagAdjacency: {a: []}, taskDefinitions: {a: {handler: os.getcwd}}}}
scheduledTasks:
  hourly: {config: {scheduleType: interval, pipeline: one, schedule: {every: 1, period: hours}}}
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls `pypeline beat`; answers its result, and what the process would be replaced by."""
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYPELINE_BROKER_URL", "amqp://localhost//")
    monkeypatch.setenv("PYPELINE_DATABASE_URL", f"sqlite:///{tmp_path}/runs.db")
    for name in ("WORKER_NAME", "PYPELINE_CONFIG", "LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    programs = []
    monkeypatch.setattr(serving.os, "execv", lambda program, command: programs.append(command))

    def invoke(*options):
        return CliRunner().invoke(main, ["beat", *options]), programs

    return invoke


def test_it_becomes_celerys_own_beat(call):
    done, programs = call()

    assert done.exit_code == 0, done.output
    assert programs == [[sys.executable, "-m", "celery", "-A", "pypeline.celery", "beat", "-l", "INFO"]]


def test_options_are_handed_on_and_win(call):
    done, [program] = call("-l", "DEBUG", "--", "--pidfile", "beat.pid")

    assert done.exit_code == 0, done.output
    assert program[6:] == ["-l", "DEBUG", "--pidfile", "beat.pid"]


def test_the_configuration_is_named_so_that_the_scheduler_finds_it(call, tmp_path):
    call("--config", "sermos.yaml")

    assert os.environ["PYPELINE_CONFIG"] == str(tmp_path / "sermos.yaml")


def test_it_needs_a_broker(call, monkeypatch):
    monkeypatch.delenv("PYPELINE_BROKER_URL")

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert "set PYPELINE_BROKER_URL" in done.output


def test_a_broker_needs_a_database(call, monkeypatch):
    monkeypatch.delenv("PYPELINE_DATABASE_URL")

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert "PYPELINE_DATABASE_URL" in done.output


def test_faults_of_the_configuration_are_told_before_it_starts(call, tmp_path):
    (tmp_path / "sermos.yaml").write_text(CONFIG.replace("pipeline: one", "pipeline: two"))

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert "sermos.yaml:5:" in done.output
