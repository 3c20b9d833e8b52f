"""What `pypeline web` becomes, and what stops it before."""

from __future__ import annotations

import os
import sys

import pytest
from click.testing import CliRunner

from pypeline.cli import main, web
from pypeline.config import Settings
from pypeline.flask import serving

CONFIG = """
pipelines:
  one: {config: {metadata: {queue: q}, dagAdjacency: {a: []}, taskDefinitions: {a: {handler: os.getcwd}}}}
"""
PROGRAM = [sys.executable, "-m", "pypeline.flask.serving"]


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls `pypeline web`; answers its result, and what the process would be replaced by."""
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("PYPELINE_", "CELERY_", "SERMOS_")):
            monkeypatch.delenv(name)
    for name in ("PYPELINE_CONFIG", "LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    programs = []
    monkeypatch.setattr(web.os, "execv", lambda program, command: programs.append(command))

    def invoke(*options):
        return CliRunner().invoke(main, ["web", *options]), programs

    return invoke


def test_it_becomes_gunicorn_in_a_process_of_its_own(call):
    done, programs = call()

    assert done.exit_code == 0, done.output
    assert programs == [PROGRAM]


def test_options_are_handed_on_and_those_of_gunicorn_win(call):
    done, [program] = call("--bind", "[::1]:80", "--workers", "3", "--threads", "2", "--", "--workers", "4")

    assert done.exit_code == 0, done.output
    assert program[3:] == ["--bind", "[::1]:80", "--workers", "3", "--threads", "2", "--workers", "4"]


def test_the_configuration_is_named_so_that_the_server_finds_it(call, tmp_path):
    call("--config", "sermos.yaml")

    assert os.environ["PYPELINE_CONFIG"] == str(tmp_path / "sermos.yaml")


def test_faults_of_the_configuration_are_told_before_it_starts(call, tmp_path):
    (tmp_path / "sermos.yaml").write_text(CONFIG.replace("{a: []}", "{a: [b]}"))

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert "sermos.yaml:3:" in done.output


def test_a_broker_needs_a_database(call, monkeypatch):
    monkeypatch.setenv("PYPELINE_BROKER_URL", "amqp://localhost//")

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert "PYPELINE_DATABASE_URL" in done.output


def test_a_database_that_is_away_stops_nobody(call, monkeypatch):
    monkeypatch.setenv("PYPELINE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    done, programs = call()

    assert (done.exit_code, programs) == (0, [PROGRAM])
    assert done.stderr.startswith("the database is away, requests get 503 until it is back")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("package", "extra"), [("gunicorn", "web"), ("flask", "flask")])
def test_what_is_not_installed_is_told_with_what_to_install(call, monkeypatch, package, extra):
    for name in [name for name in sys.modules if name.startswith(("pypeline.flask", f"{package}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    done, programs = call()

    assert (done.exit_code, programs) == (2, [])
    assert f"pip install 'pypeline[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


def made(**variables):
    return serving.defaults(Settings.load(variables))


def test_without_a_broker_there_is_one_process_which_has_time_to_end_what_it_runs():
    alone = made()
    shared = made(PYPELINE_BROKER_URL="amqp://here//", PYPELINE_DATABASE_URL="sqlite:///x.db")

    assert (alone["workers"], alone["graceful_timeout"]) == (1, 45)
    assert 2 <= shared["workers"] <= 4
    assert shared["graceful_timeout"] == 30


def test_no_proxy_is_believed_by_gunicorn():
    found = made(PYPELINE_TRUSTED_PROXIES="2")

    assert (found["forwarded_allow_ips"], found["forwarder_headers"]) == ("", "")
    assert found["secure_scheme_headers"] == {}
