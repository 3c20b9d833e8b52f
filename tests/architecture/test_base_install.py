"""What works without any extra, and what the rest says where its extra is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "documents" / "sermos.yaml"
WITHOUT_EXTRAS = """
import sys

class Absent:
    names = set(sys.argv.pop(1).split())

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from pypeline.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("command", [("validate",), ("graph", "document-stats"), ("schema",), ("--help",)])
def test_a_base_install_reads_a_configuration(command, tmp_path):
    done = _pypeline(*command, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_run_without_its_extra_says_what_to_install(tmp_path):
    done = _pypeline("run", "document-stats", folder=tmp_path)

    assert done.returncode == 2
    assert "pip install 'pypeline[workers]'" in done.stderr
    assert "Traceback" not in done.stderr


def _pypeline(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    takes_file = arguments[0] in ("validate", "graph", "run")
    config = ("--config", str(EXAMPLE)) if takes_file else ()
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, " ".join(_of_extras()), *arguments, *config],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def _of_extras() -> set[str]:
    """The importable names that are here and that the base install does not bring."""
    brought = {"pypeline"}
    waiting = ["pypeline"]
    while waiting:
        fresh = {name for name in _needs(waiting.pop()) if name not in brought}
        brought |= fresh
        waiting += fresh
    here = packages_distributions().items()
    return {name for name, owners in here if not brought & {_plain(owner) for owner in owners}}


def _needs(distribution: str) -> set[str]:
    """What a distribution requires without extras, where it is installed."""
    try:
        required = requires(distribution) or []
    except PackageNotFoundError:  # a requirement of another platform
        return set()
    return {_plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in required if "extra ==" not in line}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
