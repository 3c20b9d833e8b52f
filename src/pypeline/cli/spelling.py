"""Output where not all characters are known: our signs have plain stand-ins, the rest is spelt out."""

from __future__ import annotations

import codecs
from typing import TextIO

_PLAIN = {
    **dict.fromkeys("╭╮╰╯├┤┬┴┼✓", "+"),
    **dict.fromkeys("─–", "-"),  # noqa: RUF001 - a dash
    "━": "=",
    "│": "|",
    "·": ".",
    "○": "o",
    "●": "*",
    "↻": "r",
    "✗": "x",
    "⊘": "/",
    "…": "~",
    "→": ">",
}


def print_anything(stream: TextIO) -> None:
    """Let a stream print what its encoding lacks, instead of raising."""
    if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
        codecs.register_error("pypeline", _spelt_out)
        reconfigure(errors="pypeline")


def _spelt_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or ascii(sign)[1:-1] for sign in missing), error.end
