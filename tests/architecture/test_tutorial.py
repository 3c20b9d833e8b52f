"""The tutorial, done as it is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r":caption: (\S+)\n\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE))
(MENDED,) = re.findall(r"^```python\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
GOOD, BAD = re.findall(r"--payload '(.*)'$", TUTORIAL, re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_file_is_valid_and_its_graph_is_drawn(folder):
    validated = _pypeline("validate", folder=folder)
    drawn = _pypeline("graph", "sentences", folder=folder)

    assert (validated.returncode, drawn.returncode) == (0, 0), validated.stdout + validated.stderr
    assert "measure" in drawn.stdout


def test_the_run_succeeds_with_the_longest_sentence(folder):
    done = _pypeline("run", "sentences", "--payload", GOOD, "--json", folder=folder)

    assert done.returncode == 0, done.stderr
    assert _result(done.stdout, "report") == {"sentences": 3, "longest": "The river rose over its banks"}


def test_a_misspelt_key_is_found_before_anything_runs(folder):
    text = FILES["sermos.yaml"]
    (folder / "sermos.yaml").write_text(text.replace("retryBackoff: 1", "maxRetries: 1"))

    done = _pypeline("validate", folder=folder)

    line = text.splitlines().index("        retryBackoff: 1") + 1
    assert done.returncode == 2
    assert f"sermos.yaml:{line}:" in done.stdout + done.stderr
    assert "maxRetry" in done.stdout + done.stderr


def test_a_failed_run_is_mended_and_opened_again(folder):
    failed = _pypeline("run", "sentences", "--payload", BAD, "--json", folder=folder)
    with (folder / "sentences.py").open("a") as code:
        code.write("\n\n" + MENDED)
    again = _pypeline("retry", json.loads(failed.stdout)["execution_id"], folder=folder)
    runs = _pypeline("runs", "--json", folder=folder)

    assert failed.returncode == 1
    assert again.returncode == 0, again.stderr
    assert [run["state"] for run in json.loads(runs.stdout)["runs"]] == ["success"]


def _pypeline(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("pypeline")
    return subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _result(document: str, node: str) -> object:
    (entry,) = (entry for entry in json.loads(document)["nodes"] if entry["node"] == node)
    return entry["result"]
