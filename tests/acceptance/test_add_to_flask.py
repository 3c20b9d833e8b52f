"""The guide that adds PypeLine to a Flask application, and what the README says of it, done as written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from services import free_port, unavailable

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "add-to-flask.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = r"^```\{code-block\} \w+\n:caption: (?P<name>\S+)\n\n(?P<text>.*?)^```$"
CONSOLE = r"^```console\n(?P<lines>.*?)^```$"
STEP = re.compile(f"{FILE}|{CONSOLE}", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<answer>(?:(?!\$ ).*\n)*)", re.MULTILINE)
RUN_ID = re.compile(r"RUN|\b[0-9a-f]{8}-(?:…|[0-9a-f-]{27})")
PORT = "8000"
PATIENCE = 30.0  # seconds


@dataclass
class Terminal:
    """
    Does the steps of the guide in a folder.

    ``told`` has each command with its answer, ``wanted`` with that of the guide.
    """

    folder: Path
    env: dict[str, str]
    port: str
    wanted: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    run_id: str = "RUN"
    server: subprocess.Popen[bytes] | None = None

    def do(self, step: re.Match[str]) -> None:
        if step["name"]:
            self.write(step["name"], step["text"])
            return
        for line in COMMAND.finditer(step["lines"]):
            self._call(line["command"], line["answer"])

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def log(self) -> str:
        """What the servers have printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def stop_server(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.wait(PATIENCE)

    def _call(self, command: str, wanted: str) -> None:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.env[name] = value
        elif command.startswith("flask "):
            self._serve(command)
        else:
            told = self._answer(command, wanted)
            self.wanted.append((command, _without_ids(wanted)))
            self.told.append((command, _without_ids(told)))

    def _serve(self, command: str) -> None:
        """A server in place of the one before."""
        self.stop_server()
        with (self.folder / "server.log").open("ab") as log:
            words = shlex.split(command.replace(PORT, self.port))
            self.server = subprocess.Popen(words, cwd=self.folder, env=self.env, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not _answers(f"http://127.0.0.1:{self.port}/healthz"):
            assert self.server.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def _answer(self, command: str, wanted: str) -> str:
        """What it prints; a question about what takes its time is asked again until that is over."""
        end = time.monotonic() + PATIENCE
        line = RUN_ID.sub(self.run_id, command).replace(f":{PORT}", f":{self.port}")
        told = self._shell(line)
        while "/results/" in line and _without_ids(told) != _without_ids(wanted) and time.monotonic() < end:
            time.sleep(0.05)
            told = self._shell(line)
        if '"execution_id"' in told:
            self.run_id = RUN_ID.findall(told)[0]
        return told

    def _shell(self, line: str) -> str:
        done = subprocess.run(
            line, shell=True, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr, self.log())
        # An answer of the API ends without the line break that a prompt begins with.
        return f"{done.stdout.rstrip()}\n" if done.stdout else ""


@pytest.fixture
def terminal(tmp_path):
    if shutil.which("curl") is None:
        unavailable("the pages call curl, which is not on this machine")
    theirs = {
        name: text for name, text in os.environ.items() if not name.startswith(("PYPELINE_", "CELERY_"))
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    made = Terminal(tmp_path, {**theirs, "PATH": path}, str(free_port()))
    yield made
    made.stop_server()


def test_every_command_answers_what_the_guide_says(terminal):
    for step in STEP.finditer(GUIDE):
        terminal.do(step)

    assert len(terminal.wanted) > 10
    assert terminal.told == terminal.wanted, terminal.log()
    assert " 500 " not in terminal.log()


def test_the_application_of_the_readme_answers_what_it_says(terminal):
    section = README.partition("## In a Flask application")[2].partition("\n## ")[0]
    (commands,) = STEP.finditer(section)
    terminal.write("tasks.py", _block("python", README))
    terminal.write("sermos.yaml", _block("yaml", README))
    terminal.write("app.py", _block("python", section))

    terminal.do(commands)

    assert len(terminal.wanted) == 2
    assert terminal.told == terminal.wanted, terminal.log()


def test_what_the_application_gains_is_three_lines():
    (first, *_) = [step["text"] for step in STEP.finditer(GUIDE) if step["name"] == "app.py"]

    gained = [line for line in first.splitlines() if "pypeline" in line.lower()]

    assert len(gained) == 3


def _block(language: str, text: str) -> str:
    """The first block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def _answers(url: str) -> bool:
    with suppress(URLError, ConnectionError), urlopen(url, timeout=5) as response:
        return response.status == 200
    return False


def _without_ids(text: str) -> str:
    return RUN_ID.sub("RUN", text)
