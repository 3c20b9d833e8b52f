"""The shape of the code: floors, packages that say what they hold, files that hold one idea."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pypeline"
MOST_LINES = 400


def test_imports_only_go_down():
    checker = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent), "PYTHONIOENCODING": "utf-8"}

    done = subprocess.run(
        [checker, "--no-cache"], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_says_what_it_holds():
    packages = list(SOURCE.rglob("__init__.py"))

    silent = [_name(path) for path in packages if not ast.get_docstring(_parsed(path))]

    assert packages
    assert silent == []


def test_every_folder_with_code_is_a_package():
    # Alembic loads its migrations by their path: they are no packages.
    folders = {path.parent for path in SOURCE.rglob("*.py") if "migrations" not in path.parts}

    assert [_name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_module_has_a_docstring():
    assert [_name(path) for path in SOURCE.rglob("*.py") if not ast.get_docstring(_parsed(path))] == []


def test_no_file_is_longer_than_400_lines():
    lengths = {_name(path): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}

    assert {name: lines for name, lines in lengths.items() if lines >= MOST_LINES} == {}


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
