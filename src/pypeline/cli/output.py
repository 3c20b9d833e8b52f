"""Where commands print: consoles for people, one document for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import ConsoleOptions, RenderableType

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tab and the end of a line
_WIDE = 200  # columns: what is not a terminal has no width, and its readers want whole lines


def console_for(stream: TextIO) -> Console:
    """A console on a stream: as wide as its terminal; wide, and without colour, where it is none."""
    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in os.environ else _WIDE
    return _Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def print_json(document: Any) -> None:
    """Print one document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


@contextmanager
def only_document() -> Iterator[Callable[[Any], None]]:
    """
    Keep stdout for one JSON document, and answer what writes it.

    Whatever else is written to stdout meanwhile, by handlers or by their subprocesses, goes to stderr. The
    descriptor stays there: threads and subprocesses may outlive the command.
    """
    sys.stdout.flush()
    kept = _keep_stdout()

    def write(document: Any) -> None:
        kept.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        kept.flush()

    with redirect_stdout(sys.stderr):
        yield write


class _Console(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """As rich does it; what handlers said moves no cursor and colours nothing."""
        for segment in super().render(renderable, options):
            if segment.control or not _CONTROLS.search(segment.text):
                yield segment
            else:
                yield Segment(_CONTROLS.sub(_shown, segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Be quiet: a reader who has seen enough changes nothing of what a command does and answers."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def _shown(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _keep_stdout() -> TextIO:
    try:
        if sys.stdout.fileno() != 1:
            return sys.stdout
    except (OSError, ValueError):  # a stand-in without a descriptor
        return sys.stdout
    kept = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    os.dup2(2, 1)
    return kept
