"""``pypeline run document-stats`` as users call it, against ``wc`` and against a second one beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "examples" / "documents" / "sermos.yaml"
TEXTS = CONFIG.parent / "texts"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYPELINE_", "SERMOS_"))}


def start(cwd: Path, **payload: str) -> subprocess.Popen[str]:
    options = ["--config", str(CONFIG), "--json", "--payload", json.dumps(payload)]
    return subprocess.Popen(
        [sys.executable, "-m", "pypeline.cli", "run", "document-stats", *options],
        cwd=cwd,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def final_result(run: dict) -> dict:
    return run["nodes"][-1]["result"]


def wc(files: list[Path]) -> dict[str, int]:
    """The totals of ``wc`` in a UTF-8 locale."""
    done = subprocess.run(
        ["wc", "-lwc", *files], env={"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=True
    )
    lines, words, size, *_ = done.stdout.splitlines()[-1].split()
    return {"lines": int(lines), "words": int(words), "bytes": int(size)}


@pytest.mark.parametrize("folder", ["shipped", "own"])
def test_the_result_counts_as_wc_does(tmp_path, folder):
    texts = TEXTS
    if folder == "own":
        texts = tmp_path / "own"
        texts.mkdir()
        (texts / "plain.txt").write_text("one two\nthree")
        (texts / "no words").write_bytes(b"\n\n \t\n")
        (texts / "umläute.md").write_text("über die Brücke, naïve\n", encoding="utf-8")
        (texts / ".hidden").write_text("never counted")
        (texts / "below").mkdir()
    files = sorted(one for one in texts.iterdir() if one.is_file() and not one.name.startswith("."))

    result = final_result(finished(start(tmp_path, folder=str(texts))))

    expected = {"files": len(files), **wc(files)}
    assert {name: result[name] for name in expected} == expected


def test_the_document_has_the_parts_that_scripts_rely_on(tmp_path):
    run = finished(start(tmp_path))

    assert run["state"] == "success"
    assert run["trigger"] == "cli"
    assert run["counts"]["success"] == len(run["nodes"]) == sum(run["counts"].values())
    mapped = [node for node in run["nodes"] if node["node"] == "count"]
    assert [node["index"] for node in mapped] == [None, *range(len(mapped) - 1)]
    assert all(node["attempt"] == 1 and node["tries"] == 0 and node["why"] is None for node in run["nodes"])


def test_two_processes_in_one_folder_leave_each_others_runs_alone(tmp_path):
    both = [start(tmp_path, output=f"report-{number}") for number in range(2)]

    runs = [finished(process) for process in both]

    assert runs[0]["execution_id"] != runs[1]["execution_id"]
    assert final_result(runs[0])["words"] == final_result(runs[1])["words"]
    workers = [{node["worker"] for node in run["nodes"] if node["worker"]} for run in runs]
    assert [len(of_one) for of_one in workers] == [1, 1]
    assert workers[0] != workers[1]
    assert all(node["attempt"] == 1 for run in runs for node in run["nodes"])
