"""What `doctor` prints: a line for each finding, and what to do beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.application.checks import Level, Part
from pypeline.cli import words
from pypeline.cli.failures import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from pypeline.application.checks import Check, Checkup

_SIGNS = {
    Level.OK: ("✓", "green"),
    Level.WARNING: ("!", "yellow"),
    Level.PROBLEM: ("✗", "bold red"),
}
_PART_WIDTH = len("configuration")


def print_checkup(checkup: Checkup, console: Console) -> None:
    """Every finding, and how many of them ask for something."""
    for check in checkup.checks:
        console.print(_line(check), soft_wrap=True)
        if check.remedy is not None:
            console.print(Text(f"{'':{_PART_WIDTH + 4}}→ {check.remedy}", "dim"), soft_wrap=True)
    console.print()
    console.print(Text(_sum(checkup)), soft_wrap=True)


def code_of(checkup: Checkup) -> ExitCode:
    """The exit code: warnings are none of its business."""
    if checkup.problems(Part.CONFIGURATION):
        return ExitCode.BAD_INPUT
    if not checkup.database_answers:
        return ExitCode.NO_DATABASE
    return ExitCode.FAILED if checkup.problems() else ExitCode.DONE


def _line(check: Check) -> Text:
    sign, style = _SIGNS[check.level]
    line = Text.assemble((sign, style), " ", (f"{check.part.value:<{_PART_WIDTH}}", "dim"), "  ")
    if check.about is not None:
        line.append(f"{check.about}: ", "bold")
    return line.append(check.message)


def _sum(checkup: Checkup) -> str:
    if checkup.level is Level.OK:
        return "No problem."
    warnings = sum(check.level is Level.WARNING for check in checkup.checks)
    found = [(len(checkup.problems()), "problem"), (warnings, "warning")]
    return ", ".join(words.counted(number, word) for number, word in found if number) + "."
