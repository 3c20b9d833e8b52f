"""``pypeline schema``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of sermos.yaml, for editors."""
    from pypeline.cli.output import print_json
    from pypeline.config import json_schema

    print_json(json_schema())
