"""The command as a whole: help that costs nothing, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pypeline import __version__
from pypeline.cli import main
from pypeline.cli.group import CommandGroup, LazyCommands
from pypeline.errors import (
    DatabaseUnavailable,
    InvalidConfiguration,
    InvalidPayload,
    MissingExtra,
    PypelineError,
    SchemaNotReady,
)

HEAVY = {"alembic", "celery", "kombu", "pydantic", "rich", "sqlalchemy", "yaml"}
NAMES = list(main.commands)
LOADED = """
import json, sys
from pypeline.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in NAMES)])
def test_help_imports_nothing_heavy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )

    assert set(json.loads(done.stderr)) & HEAVY == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_all_commands_tells_what_each_page_tells(name):
    command = main.commands[name]

    assert command.name == name
    assert command.get_short_help_str(limit=200)
    assert main.commands.help_texts[name] in CliRunner().invoke(main, ["-h"]).output


def test_the_version_is_that_of_the_package():
    assert CliRunner().invoke(main, ["--version"]).output == f"pypeline {__version__}\n"


def test_an_unknown_command_is_bad_input():
    done = CliRunner().invoke(main, ["rnu"], prog_name="pypeline")

    assert done.exit_code == 2
    assert "rnu" in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("see `pypeline --help`\n")
    assert done.stderr.count("\n") == 1


def test_a_wrong_option_is_one_line_with_the_help_to_read():
    done = CliRunner().invoke(main, ["runs", "--stat", "failed"], prog_name="pypeline")

    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("see `pypeline runs --help`\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["db"]])
def test_a_group_without_a_command_prints_its_help(arguments):
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 2
    assert "Commands:" in done.output


def test_a_command_that_was_added_is_found():
    commands = LazyCommands("no.package", {})
    commands["here"] = click.Command("here")

    assert (list(commands), len(commands)) == (["here"], 1)
    del commands["here"]
    assert "here" not in commands


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidPayload("a payload\nof two lines"), 2),
        (MissingExtra("This", "workers"), 2),
        (ModuleNotFoundError("No module named 'celery.app'", name="celery.app"), 2),
        (ModuleNotFoundError("No module named 'psycopg'", name="psycopg"), 2),
        (ModuleNotFoundError("No module named 'else'", name="else"), 1),
        (DatabaseUnavailable("sqlite:///x", "locked"), 3),
        (SchemaNotReady("too new"), 2),
        (PypelineError("else"), 1),
        (ZeroDivisionError("by zero"), 1),
    ],
)
def test_an_error_is_one_line_on_stderr_and_a_code(error, code):
    done = CliRunner().invoke(_raising(error), ["fail"])

    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_package_that_is_missing_is_told_with_its_extra():
    done = CliRunner().invoke(_raising(ModuleNotFoundError("no psycopg", name="psycopg")), ["fail"])

    assert done.stderr == "error: PostgreSQL needs more packages: pip install 'pypeline[postgres]'\n"


def test_an_unexpected_error_tells_how_to_see_more():
    done = CliRunner().invoke(_raising(ZeroDivisionError()), ["fail"])

    assert "ZeroDivisionError" in done.stderr
    assert "PYPELINE_TRACEBACK=1" in done.stderr


def test_a_traceback_is_shown_where_it_is_asked_for():
    done = CliRunner().invoke(_raising(ZeroDivisionError()), ["fail"], obj={"traceback": True})

    assert isinstance(done.exception, ZeroDivisionError)


def test_of_very_many_findings_the_first_are_told_and_the_rest_counted():
    done = CliRunner().invoke(
        _raising(InvalidConfiguration([f"f:{n}:1: wrong" for n in range(1000)])), ["fail"]
    )

    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) < 30
    assert "1,000 faults" in done.stderr.splitlines()[-1]


def _raising(error: Exception) -> click.Group:
    def fail() -> None:
        raise error

    commands = LazyCommands("no.package", {})
    commands["fail"] = click.Command("fail", callback=fail)
    return CommandGroup("test", commands=commands)
