"""The pages of the Python client name all that it has, and their code runs."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pypeline
from pypeline.client.schedules import ClientSchedules, ScheduleWords
from pypeline.store.schedules.records import OccurrenceRecord, ScheduleRecord

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "how-to" / "use-from-python.md").read_text(encoding="utf-8")
EXAMPLE = "examples/documents/sermos.yaml"


def test_every_member_and_word_is_documented():
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", REFERENCE))))
    members = {name for found in (pypeline.Client, pypeline.Run, ClientSchedules) for name in vars(found)}
    fields = {one.name for found in (ScheduleRecord, OccurrenceRecord) for one in dataclasses.fields(found)}

    names = {name for name in members | fields | set(ScheduleWords.__annotations__) if name[0] != "_"}

    assert "invoke" in names
    assert names - documented == set()


def test_the_first_program_of_the_guide_prints_its_result(tmp_path):
    program = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)[0]
    assert EXAMPLE in program

    done = subprocess.run(
        [sys.executable, "-c", program.replace(EXAMPLE, str(ROOT / EXAMPLE))],
        cwd=tmp_path,
        env={
            name: value for name, value in os.environ.items() if not name.startswith(("PYPELINE_", "CELERY_"))
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000
