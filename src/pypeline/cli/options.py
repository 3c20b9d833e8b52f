"""Options and arguments that several commands share, with what a shell completes for them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from pypeline.types import JsonObject


def complete_pipeline(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The pipelines of the configuration, where it can be read now."""
    from pypeline.cli.completing import pipeline_names  # noqa: PLC0415 - needed by shells only

    return pipeline_names(context.params.get("config"), incomplete)


def complete_run(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The newest runs of the database, where it is there."""
    from pypeline.cli.completing import run_ids  # noqa: PLC0415 - needed by shells only

    return run_ids(incomplete)


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    from pypeline.cli.words import seconds_of  # noqa: PLC0415 - not for help

    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def read_payload(_context: click.Context, _parameter: click.Parameter, text: str | None) -> JsonObject | None:
    """The payload that an option names; None where it is not given."""
    if text is None:
        return None
    try:
        payload = json.loads(_text_of(text), parse_constant=_refuse_constant)
    except OSError as error:
        raise click.BadParameter(f"{text[1:]} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{text[1:]} is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f'no JSON: {error}; write \'{{"key": "value"}}\' or @FILE') from error
    if not isinstance(payload, dict):
        raise click.BadParameter(f"a payload is a JSON object, not a {_kind(payload)}")
    return payload


def _text_of(value: str) -> str:
    if not value.startswith("@"):
        return value
    if value == "@-":
        return sys.stdin.read()
    with open(value[1:], encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not needed for help
        return file.read()


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _kind(value: object) -> str:
    return {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")


pipeline_argument = click.argument("pipeline", shell_complete=complete_pipeline)
run_argument = click.argument("run", shell_complete=complete_run)
config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    help="The configuration; else PYPELINE_CONFIG, the client package's, ./sermos.yaml.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
timeout_option = click.option(
    "--timeout",
    metavar="SECONDS",
    callback=_seconds,
    help="Cancel the run after so many seconds, with exit code 4.",
)
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Return once the run is accepted; needs a broker."
)
concurrency_option = click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="How many handlers run at once in this process; 4 if not given. Not through a broker.",
)
payload_option = click.option(
    "--payload",
    metavar="JSON",
    default="{}",
    callback=read_payload,
    help="The payload as JSON, as @FILE, or @- for stdin.",
)
