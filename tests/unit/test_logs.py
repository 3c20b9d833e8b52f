from __future__ import annotations

import json
import logging
import sys

from pypeline.logs import JsonFormatter


def line(message, *args, extra=None, exc_info=None):
    record = logging.getLogger("shop").makeRecord(
        "shop", logging.INFO, __file__, 1, message, args, exc_info, extra=extra
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_tells_when_how_grave_who_and_what():
    said = line("half of %s", "Größe\nnext line")

    assert set(said) == {"time", "level", "logger", "message"}
    assert said["time"].endswith("+00:00")
    assert (said["level"], said["logger"], said["message"]) == ("INFO", "shop", "half of Größe\nnext line")


def test_plain_values_of_a_program_stand_beside_and_others_stay_out():
    said = line("weighed", extra={"grams": 7, "level": "mine", "data": {"args": ["secret"]}})

    assert said["grams"] == 7
    assert said["level"] == "INFO"
    assert "data" not in said


def test_a_traceback_stays_in_its_line():
    try:
        raise KeyError("gone")
    except KeyError:
        said = line("failed", exc_info=sys.exc_info())

    assert said["exception"].endswith("KeyError: 'gone'")
