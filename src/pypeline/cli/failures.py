"""Errors as the command line tells them: one line that says what to do, and an exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any

import click

from pypeline.errors import (
    DatabaseUnavailable,
    InvalidConfiguration,
    InvalidInput,
    MissingExtra,
    NotPossible,
    PypelineError,
    ScheduleExists,
    SchemaNotReady,
    UnknownRun,
    UnknownSchedule,
)

_MOST_FINDINGS = 20
_WORKERS = ("Running pipelines and looking at runs", "workers")
_EXTRAS = {
    **dict.fromkeys(("alembic", "celery", "fsspec", "kombu", "networkx", "psutil", "sqlalchemy"), _WORKERS),
    "psycopg": ("PostgreSQL", "postgres"),
    "gunicorn": ("Serving the API", "web"),
}
"""Packages that an extra brings: what they are for, and which extra."""

_COMMANDS: dict[type[PypelineError], str] = {
    UnknownRun: "`pypeline runs` lists them",
    UnknownSchedule: "`pypeline schedules list` shows them",
    ScheduleExists: "`pypeline schedules update` changes it",
}
"""The command that helps with an error, whose own words are for every door."""


class ExitCode(IntEnum):
    """What the process answers."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NO_DATABASE = 3
    TIMED_OUT = 4
    INTERRUPTED = 130
    TERMINATED = 143


class Failure(click.ClickException):
    """A message for stderr, and the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        click.echo(self.format_message(), file=file, err=file is None)

    def format_message(self) -> str:
        """The message behind the word that people look for."""
        return f"error: {self.message}"


def failure_of(error: Exception) -> Failure:
    """What to print and answer for an error."""
    if isinstance(error, InvalidConfiguration):
        return _Findings(error)
    if isinstance(error, ModuleNotFoundError) and (package := _package(error)) in _EXTRAS:
        error = MissingExtra(*_EXTRAS[package])
    if isinstance(error, PypelineError):
        return Failure("; ".join([_one_line(str(error)), *_help_with(error)]), _code_of(error))
    return Failure(
        f"{type(error).__name__}: {_one_line(str(error)) or 'no message'} (a fault of PypeLine: "
        "PYPELINE_TRACEBACK=1 shows where)",
        ExitCode.FAILED,
    )


def misuse(error: click.UsageError) -> click.ClickException:
    """A wrong option or argument, in one line with the help that tells the right ones."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        return error  # it prints the help
    path = error.ctx.command_path if error.ctx is not None else "pypeline"
    said = _one_line(error.format_message()).removesuffix(".")
    return Failure(f"{said}; see `{path} --help`", ExitCode.BAD_INPUT)


class _Findings(Failure):
    """Faults of a configuration that a command met which wanted to use it."""

    def __init__(self, error: InvalidConfiguration) -> None:
        count = len(error.findings)
        noun = "fault" if count == 1 else "faults"
        super().__init__(
            f"the configuration has {count:,} {noun}; `pypeline validate` lists them", ExitCode.BAD_INPUT
        )
        self._findings = [str(finding) for finding in error.findings[:_MOST_FINDINGS]]

    def format_message(self) -> str:
        return "\n".join([*self._findings, super().format_message()])


def _help_with(error: PypelineError) -> list[str]:
    if isinstance(error, NotPossible) and error.needs_node:
        return ["`--from NODE` does"]
    return [command for kind, command in _COMMANDS.items() if isinstance(error, kind)]


def _package(error: ModuleNotFoundError) -> str:
    return (error.name or "").partition(".")[0]


def _code_of(error: PypelineError) -> ExitCode:
    if isinstance(error, InvalidInput | MissingExtra | SchemaNotReady):
        return ExitCode.BAD_INPUT
    if isinstance(error, DatabaseUnavailable):
        return ExitCode.NO_DATABASE
    return ExitCode.FAILED


def _one_line(text: str) -> str:
    return " ".join(text.split())
