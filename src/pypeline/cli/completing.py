"""What a shell offers for pipelines and runs; silence where that cannot be known quickly."""

from __future__ import annotations

from pathlib import Path

from click.shell_completion import CompletionItem

from pypeline.cli.opening import open_system, read_config
from pypeline.config import Settings

_MOST = 30


def pipeline_names(config: str | None, incomplete: str) -> list[CompletionItem]:
    """The pipelines of the configuration that begin so."""
    try:
        pipelines = read_config(config).pipelines
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [
        CompletionItem(name, help=pipeline.description)
        for name, pipeline in pipelines.items()
        if name.startswith(incomplete)
    ]


def run_ids(incomplete: str) -> list[CompletionItem]:
    """The newest runs that begin so, with their pipeline and state."""
    try:
        settings = Settings.load()
        if settings.database is None and not Path(settings.database_url.removeprefix("sqlite:///")).is_file():
            return []
        with open_system(settings) as system:
            runs = system.application.runs()[:_MOST]
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [
        CompletionItem(run.run_id, help=f"{run.pipeline_id}, {run.state.value}")
        for run in runs
        if run.run_id.startswith(incomplete)
    ]
