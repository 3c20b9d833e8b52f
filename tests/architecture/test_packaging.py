"""What is installed: the public names, the extras, a light import, the lock."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pypeline

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOR_USERS = {"workers", "postgres", "redis", "kafka", "flask", "web", "s3", "dyrygent"}
FOR_DEVELOPERS = {"test", "dev", "docs"}
HEAVY = ("celery", "kombu", "flask", "sqlalchemy", "alembic", "pydantic", "click", "rich", "yaml", "networkx")
PINNED = [("lint", "ruff"), ("lint", "import-linter"), ("types", "mypy")]
PUBLIC_HOSTS = {"pypi.org", "files.pythonhosted.org"}


def test_importing_the_package_is_light_and_does_nothing(tmp_path):
    program = (
        "import json, os, sys, threading; before = dict(os.environ); import pypeline; "
        "print(json.dumps([sorted(sys.modules), threading.active_count(), before == dict(os.environ)]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    modules, threads, same_environment = json.loads(done.stdout)
    assert {name.partition(".")[0] for name in modules} & set(HEAVY) == set()
    assert (threads, same_environment, list(tmp_path.iterdir())) == (1, True, [])


def test_the_verdicts_and_the_base_error_are_public():
    assert {"Fail", "Skip", "RetryLater", "PypelineError"} <= set(pypeline.__all__)


def test_every_public_name_is_there():
    assert [name for name in pypeline.__all__ if not hasattr(pypeline, name)] == []


def test_the_package_is_typed():
    assert Path(pypeline.__file__).with_name("py.typed").is_file()


def test_the_version_is_the_one_of_the_project():
    assert pypeline.__version__ == PROJECT["version"]


@pytest.mark.parametrize("extra", sorted(FOR_USERS | FOR_DEVELOPERS | {"all"}))
def test_each_extra_of_the_contract_is_there(extra):
    assert PROJECT["optional-dependencies"][extra]


def test_all_brings_every_extra_that_users_may_want():
    (everything,) = PROJECT["optional-dependencies"]["all"]

    named = set(re.findall(r"[a-z0-9]+", everything.partition("[")[2]))

    assert named == FOR_USERS


def test_the_lock_names_the_public_index_only():
    lock = (ROOT / "uv.lock").read_text()

    hosts = set(re.findall(r"[a-z+]+://([^/\"\s]+)", lock))

    assert hosts == PUBLIC_HOSTS
    assert "file:" not in lock


@pytest.mark.parametrize(("environment", "tool"), PINNED)
def test_tox_pins_a_linter_to_the_version_of_the_lock(environment, tool):
    tox = tomllib.loads((ROOT / "tox.toml").read_text())
    lock = tomllib.loads((ROOT / "uv.lock").read_text())

    (locked,) = (package["version"] for package in lock["package"] if package["name"] == tool)

    assert f"{tool}=={locked}" in tox["env"][environment]["deps"]


def test_the_summary_of_ci_adds_up_what_pytest_counted(tmp_path):
    (tmp_path / "py311").mkdir()
    counts = 'tests="9" skipped="2" failures="1" errors="1"'
    (tmp_path / "py311" / "junit.xml").write_text(f"<testsuites><testsuite {counts}/></testsuites>")

    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "summary.py", tmp_path], capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1] == "5 passed, 2 failed, 2 skipped"
    assert done.returncode == 1
