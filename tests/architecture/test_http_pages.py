"""The page of the HTTP API has every operation of the code, as it is, and none that there is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from pydantic import BaseModel

from pypeline import errors
from pypeline.flask import FlaskPypeline
from pypeline.flask.api import OPERATIONS
from pypeline.flask.problems import _STATUS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \|(.*)\|$", re.MULTILINE)
EXAMPLE = re.compile(r"^```\{code-block\} json\n:caption: ([^\n]+)\n\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WORDS = "#words-of-a-schedule"


def spelt(method: str, rule: str) -> str:
    """An operation as the page names it."""
    path = re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule)
    return f"{method} {path}"


ROWS = {name: [cell.strip() for cell in cells.split("|")] for name, cells in ROW.findall(PAGE)}
KNOWN = {spelt(operation.method, operation.rule): operation for operation in OPERATIONS}
ALL = pytest.mark.parametrize("name", KNOWN)


def test_the_routes_of_the_page_are_those_of_an_application():
    app = Flask("shop")
    app.config["PYPELINE_CONFIG"] = str(ROOT / "examples" / "documents" / "sermos.yaml")
    FlaskPypeline(app, init_api=True)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pypeline_")]

    routes = {
        spelt(method, rule.rule.removeprefix("/api/v1"))
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        # What the page of the docs loads is its own business.
        if "/docs/" not in rule.rule
    }

    assert set(ROWS) == routes
    assert routes > set(KNOWN)


@ALL
def test_an_operation_stands_with_its_role_answers_and_problems(name):
    operation = KNOWN[name]

    _, role, _, answers, problems = ROWS[name]

    assert role == operation.role.word
    assert numbers(answers) == {status.value for status in operation.answers}
    assert numbers(problems) == {status.value for status in operation.problems}


@ALL
def test_an_operation_stands_with_all_that_it_reads_and_nothing_else(name):
    operation = KNOWN[name]
    models = [model for model in (operation.query, operation.body) if model is not None]

    reads = {member for model in models for member in model.model_fields} | set(operation.headers)

    assert read_by(ROWS[name][2]) == reads


@pytest.mark.parametrize(("caption", "text"), EXAMPLE.findall(PAGE))
def test_an_example_has_the_members_of_the_answer(caption, text):
    model = next(iter(KNOWN[caption].answers.values()))

    found = json.loads(text)

    assert model is not None
    assert differences(model.model_validate(found), found) == []


def test_every_error_stands_with_its_status():
    table = ERRORS.partition("## Over HTTP")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if re.match(r"\| \d", line)]
    said = {name: int(status) for status, text in rows for name in re.findall(r"`(\w+)`", text)}

    answered = {
        name: next(status.value for kind, status in _STATUS if issubclass(getattr(errors, name), kind))
        for name in said
    }

    assert said == answered
    assert {kind.__name__ for kind, _ in _STATUS} <= set(said)


def test_the_actions_of_the_audit_are_those_that_are_written():
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `action` |")]

    named = set(re.findall(r"`(\w+\.\w+)`", row))

    assert named == {operation.action for operation in OPERATIONS if operation.action}


def numbers(cell: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", cell)}


def read_by(cell: str) -> set[str]:
    """The names in code of a cell; those of the table of words too, where it refers to that."""
    names = set(re.findall(r"`([^`]+)`", cell))
    return names | words_of_a_schedule() if WORDS in cell else names


def words_of_a_schedule() -> set[str]:
    """All but its id, which only the one who makes it says in the body."""
    section = PAGE.partition("#### Words of a schedule")[2].partition("\n#")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {word for first in firsts for word in re.findall(r"`(\w+)`", first)} - {"id"}


def differences(read: Any, given: Any) -> list[str]:
    """The members that only one of them has: the model as it read a document, or the document."""
    if isinstance(read, BaseModel):
        required = {name for name, field in type(read).model_fields.items() if field.is_required()}
        wrong = (required - set(given)) | (set(given) - set(type(read).model_fields))
        return sorted(wrong) + inner(
            (getattr(read, name), given[name]) for name in given if name not in wrong
        )
    if isinstance(read, list):
        return inner(zip(read, given, strict=True))
    return []


def inner(pairs: Iterable[tuple[Any, Any]]) -> list[str]:
    return [wrong for read, given in pairs for wrong in differences(read, given)]
