from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys

from rich.console import Console
from rich.text import Text

from pypeline.cli.logs import logs_on
from pypeline.cli.output import console_for, only_document
from pypeline.cli.tables import errors_list, place_of, results_list
from pypeline.config import Settings
from pypeline.runs.outcome import ErrorInfo

PRINTS = """
import os, sys
from pypeline.cli.output import only_document
with only_document() as write:
    print("by Python")
    os.system("echo by a subprocess")
    os.write(1, b"by C\\n")
    write({"only": "this"})
print("after it")
os.write(1, b"long after it\\n")
"""


def test_stdout_has_the_document_and_nothing_else():
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.removesuffix("after it\n")) == {"only": "this"}
    assert all(word in done.stderr for word in ("by Python", "by a subprocess", "by C"))


def test_a_stand_in_for_stdout_gets_the_document(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    with only_document() as write:
        print("not this")
        write([1])

    assert json.loads(sys.stdout.getvalue()) == [1]


def test_what_is_no_terminal_is_wide_and_plain(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    console = console_for(io.StringIO())

    console.print("x" * 150, style="red")

    assert console.file.getvalue() == "x" * 150 + "\n"


def test_what_a_handler_said_commands_no_terminal():
    console = console_for(io.StringIO())

    console.print(Text("\x1b[31mred\x1b]0;title\x07 and more\x9b", "bold"))

    assert console.file.getvalue() == "\\x1b[31mred\\x1b]0;title and more\\x9b\n"


def test_a_reader_who_is_gone_changes_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        console = console_for(stream)

        console.print("nobody reads this")

    assert console.quiet


def test_warnings_are_shown_and_less_is_not(tmp_path):
    shown = logged(Settings.load({}, folder=tmp_path))

    assert "a warning" in shown
    assert "a detail" not in shown


def test_the_level_that_is_asked_for_is_shown(tmp_path):
    assert "a detail" in logged(Settings.load({"LOG_LEVEL": "debug"}, folder=tmp_path))


def test_logs_may_be_json(tmp_path):
    line = logged(Settings.load({"PYPELINE_LOG_FORMAT": "json"}, folder=tmp_path))

    assert json.loads(line)["message"] == "a warning"


def logged(settings):
    console = Console(file=io.StringIO(), width=40)
    with logs_on(console, settings):
        logger = logging.getLogger("test_cli_output")
        logger.debug("a detail")
        logger.warning("a %s", "warning")
    logging.getLogger("test_cli_output").warning("after it")
    return console.file.getvalue()


def test_errors_that_are_alike_are_told_once():
    errors = [(f"n{at}", ErrorInfo("KeyError", "'x'")) for at in range(1000)]

    assert printed(errors_list([*errors, ("m", ErrorInfo("ValueError", "y"))])).splitlines() == [
        "n0  KeyError: 'x'  (and 999 more like it)",
        "m  ValueError: y",
    ]


def test_of_many_different_errors_the_first_are_told():
    errors = [(f"n{at}", ErrorInfo("KeyError", str(at))) for at in range(20)]

    assert printed(errors_list(errors)).splitlines()[-1] == "… and 12 other errors"


def test_the_place_of_an_error_is_its_last():
    lines = ("Traceback:", '  File "a.py", line 1, in run', '  File "b.py", line 22, in clean', "KeyError: 1")
    traceback = "\n".join(lines)

    assert place_of(ErrorInfo("KeyError", "1", traceback)) == "b.py:22 in clean"
    assert place_of(ErrorInfo("KeyError", "1")) is None


def test_a_result_has_a_line_for_each_key_and_no_more_than_fit():
    result = {f"key{at}": "v" * 200 for at in range(30)}

    lines = printed(results_list({"end": result}, Console(width=60))).splitlines()

    assert lines[0] == "result of end"
    assert lines[-1] == "  … 14 more keys"
    assert all(len(line) <= 60 for line in lines)


def test_a_result_that_is_no_object_is_one_line():
    assert printed(results_list({"end": [1, 2]}, Console(width=60))) == "result of end\n  [1, 2]\n"


def printed(renderable):
    console = Console(file=io.StringIO(), width=100)
    console.print(renderable, soft_wrap=True)
    return console.file.getvalue()
