"""The README does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = {name: value for name, value in os.environ.items() if "PYPELINE_" not in name} | {
    "NO_COLOR": "1",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}


def call(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def example(tmp_path):
    (tmp_path / "tasks.py").write_text(block("python"), encoding="utf-8")
    (tmp_path / "sermos.yaml").write_text(block("yaml"), encoding="utf-8")
    return tmp_path


def test_the_first_command_ends_in_a_table_and_a_report(tmp_path):
    command = re.search(r'pip install -e "\.\[all\]" && (pypeline run .*)', README)
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    done = call(command[1], tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.search(r"report +success", done.stdout)
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["files"] == len(list((ROOT / "examples" / "documents" / "texts").iterdir()))
    assert (tmp_path / "report" / "report.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_twenty_lines_are_twenty_lines_and_run(example):
    lines = [line for line in (block("python") + block("yaml")).splitlines() if line]

    validated = call("pypeline validate", example)
    done = call("""pypeline run squares --payload '{"count": 100}' --json""", example)

    assert len(lines) <= 20
    assert validated.stdout.startswith("ok"), validated.stderr
    assert json.loads(done.stdout)["nodes"][-1]["result"] == {"sum": sum(n * n for n in range(100))}


def test_every_command_of_the_readme_is_one_that_there_is():
    commands = set(re.findall(r"[`$&] ?pypeline (\w+)", README))

    assert {"run", "validate", "show", "retry"} <= commands
    for command in commands:
        assert call(f"pypeline {command} --help", ROOT).returncode == 0, command


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#:]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
