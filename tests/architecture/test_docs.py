"""The pages name what the code has: an undocumented key, setting, command, error or table fails here."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from pypeline import errors
from pypeline.cli import main
from pypeline.config import json_schema
from pypeline.store.schedules.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
VARIABLE = re.compile(r"\b(?:(?:PYPELINE|SERMOS|CELERY)_[A-Z_]+|WORKER_NAME|LOG_LEVEL)\b")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def test_every_key_of_the_configuration_is_documented():
    words = _words("configuration.md")

    missing = {key for key in _schema_keys(json_schema()) if key not in words}

    assert missing == set()


def test_every_setting_is_documented():
    source = (ROOT / "src" / "pypeline" / "config" / "settings.py").read_text()

    read = {name for name in re.findall(r'"([A-Z][A-Z_]+)"', source) if VARIABLE.fullmatch(name)}

    assert "PYPELINE_CONFIG" in read
    assert read - _words("settings.md") == set()


def test_every_documented_setting_is_read():
    source = (ROOT / "src" / "pypeline" / "config" / "settings.py").read_text()
    tables = [line for line in _page("settings.md").splitlines() if line.startswith("| `")]

    documented = {name for line in tables for name in VARIABLE.findall(line.split("|")[1])}

    assert {name for name in documented if f'"{name}"' not in source} == set()


def test_every_command_is_documented():
    page = _page("command-line.md")

    missing = [path for path, _ in _commands(main) if path and f"## pypeline {path}\n" not in page]

    assert missing == []


def test_every_documented_command_is_there():
    known = {path for path, _ in _commands(main)}

    assert set(re.findall(r"^#+ pypeline (.+)$", _page("command-line.md"), re.MULTILINE)) - known == set()


def test_every_option_is_documented_at_its_command():
    missing = [
        f"{path} {option}"
        for path, command in _commands(main)
        for option in _options(command)
        if f"`{option}" not in _section(path)
    ]

    assert missing == []


def test_every_error_is_documented():
    raised = {
        name
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.PypelineError | errors.Verdict)
    }

    assert raised - _words("errors.md") == set()


def test_every_table_is_documented():
    assert set(metadata.tables) - _words("database.md") == set()


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "explanation" / "decisions"
    listed = (folder / "index.md").read_text().split()

    assert [page.stem for page in folder.glob("[0-9]*.md") if page.stem not in listed] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_links_of_a_page_lead_somewhere(page):
    targets = LINK.findall((ROOT / page).read_text())

    assert [target for target in targets if not (ROOT / target).exists()] == []


def _page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _words(page: str) -> set[str]:
    """The words that a page sets in code."""
    return {word for code in re.findall(r"`([^`\n]+)`", _page(page)) for word in re.findall(r"\w+", code)}


def _schema_keys(schema: Any) -> Iterator[str]:
    """The names of all properties of a JSON Schema."""
    if isinstance(schema, list):
        for part in schema:
            yield from _schema_keys(part)
    if isinstance(schema, dict):
        # What stands under these two is named by their owner, and is no keyword of the schema.
        named = {**schema.get("properties", {}), **schema.get("$defs", {})}
        yield from schema.get("properties", {})
        rest = {word: part for word, part in schema.items() if word not in ("properties", "$defs")}
        yield from _schema_keys([*named.values(), *rest.values()])


def _commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that runs something, with its path below ``pypeline``; the command itself has none."""
    if not path or not isinstance(command, click.Group):
        yield path, command
    for name, child in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _commands(child, f"{path} {name}".strip())


def _options(command: click.Command) -> list[str]:
    shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [max(option.opts, key=len) for option in shown]


def _section(path: str) -> str:
    """What the page says of a command, up to the next heading."""
    heading = f"## pypeline {path}\n" if path else "# Command line\n"
    return _page("command-line.md").partition(heading)[2].partition("\n## ")[0]
