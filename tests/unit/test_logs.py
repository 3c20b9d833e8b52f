from __future__ import annotations

import json
import logging
import math
import sys
from datetime import date

from pypeline.logs import JsonFormatter


def line(message, *args, extra=None, exc_info=None, sinfo=None, logger="shop"):
    record = logging.getLogger(logger).makeRecord(
        logger, logging.INFO, __file__, 1, message, args, exc_info, extra=extra, sinfo=sinfo
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_tells_when_how_grave_who_and_what():
    said = line("half of %s", "Größe\nnext line")

    assert set(said) == {"time", "level", "logger", "message"}
    assert said["time"].endswith("+00:00")
    assert (said["level"], said["logger"], said["message"]) == ("INFO", "shop", "half of Größe\nnext line")


def test_what_a_program_gives_stands_beside():
    day = date(2026, 1, 2)
    said = line("weighed", extra={"grams": 7, "level": "mine", "box": {"of": [1]}, "day": day, "none": None})

    assert (said["grams"], said["box"], said["day"], said["none"]) == (7, {"of": [1]}, "2026-01-02", None)
    assert said["level"] == "INFO"


def test_what_json_cannot_hold_breaks_no_line():
    assert line("odd", extra={"bad": math.nan})["bad"] == "nan"
    assert line("odd", extra={"keys": {(1, 2): 3}})["keys"] == "{(1, 2): 3}"


def test_the_arguments_of_celerys_tasks_stay_out():
    assert "data" not in line(
        "received", extra={"data": {"args": ["secret"]}}, logger="celery.worker.strategy"
    )


def test_a_stack_that_is_asked_for_is_told():
    assert line("here", sinfo="Stack (most recent call last):\n  …")["stack"].startswith("Stack")


def test_a_traceback_stays_in_its_line():
    try:
        raise KeyError("gone")
    except KeyError:
        said = line("failed", exc_info=sys.exc_info())

    assert said["exception"].endswith("KeyError: 'gone'")
