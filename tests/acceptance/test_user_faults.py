"""A file with many faults, through the real command: each is told with its place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PYPELINE = [sys.executable, "-m", "pypeline.cli"]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}
BROKEN = """\
serviceConfig:
  - name: w
    registeredTasks:
      - handler: user_faults_tasks.ok
pipelines:
  p:
    name: p
    schemaVersion: 1
    config:
      metadata:
        queue: q
        maxRetries: 3
        maxTtl: sixty
      dagAdjacency:
        a: [b, c]
        b: [d]
        d: [b]
        e: [e]
        f: [g]
      taskDefinitions:
        a: {handler: user_faults_tasks.ok}
        b: {handler: user_faults_tasks.ok}
        c: {handler: user_faults_tasks.ok, forEach: b}
        d: {handler: user_faults_tasks.unregistered}
        e: {handler: user_faults_tasks.ok}
        f: {handler: user_faults_tasks.ok, maxRetry: "${USER_FAULTS_MISSING}"}
        orphan: {handler: user_faults_tasks.ok}
        a: {handler: user_faults_tasks.ok}
scheduledTasks:
  n:
    name: n
    enabled: true
    schemaVersion: 1
    config:
      scheduleType: crontab
      pipeline: nosuch
      queue: q
      timezone: Europe/Berln
      schedule: {minute: '99', hour: '2', dayOfWeek: '*', dayOfMonth: '*', monthOfYear: '*'}
"""
EXPECTED = {
    "12:9": "did you mean `maxRetry`",
    "13:17": "write a number",
    "17:13": "cycle: b -> d -> b",
    "18:13": "cycle: e -> e",
    "19:13": "`g` has no definition",
    "23:53": "no direct predecessor",
    "24:22": "no service registers",
    "26:54": "USER_FAULTS_MISSING",
    "27:9": "no node of the graph",
    "28:9": "twice, first in line 21",
    "36:17": "no pipeline `nosuch`",
    "38:17": "did you mean `Europe/Berlin`",
    "39:26": "not within 0 to 59",
}


def validate(folder):
    return subprocess.run(
        [*PYPELINE, "validate"],
        cwd=folder,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "user_faults_tasks.py").write_text("def ok(event):\n    return 1\n")
    (tmp_path / "sermos.yaml").write_text(BROKEN)
    return tmp_path


def test_thirteen_faults_of_a_file_are_told_at_once_each_with_its_line_and_column(folder):
    answer = validate(folder)

    told = dict(line.removeprefix("sermos.yaml:").split(": ", 1) for line in answer.stdout.splitlines())
    assert answer.returncode == 2
    assert told.keys() == EXPECTED.keys()
    assert [place for place, words in EXPECTED.items() if words not in told[place]] == []


def test_a_handler_that_its_module_lacks_is_the_one_finding(folder):
    good = """\
pipelines:
  p:
    config:
      metadata: {queue: q}
      dagAdjacency: {a: [b]}
      taskDefinitions:
        a: {handler: user_faults_tasks.ok}
        b: {handler: user_faults_tasks.gone}
"""
    (folder / "sermos.yaml").write_text(good)

    answer = validate(folder)

    assert answer.returncode == 2
    assert answer.stdout.startswith("sermos.yaml:8:22: ")
    assert len(answer.stdout.splitlines()) == 1
