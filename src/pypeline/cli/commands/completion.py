"""``pypeline completion``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """
    Print the script that completes commands, pipelines and runs in SHELL.

    For bash: eval "$(pypeline completion bash)" in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    root = context.find_root().command
    found = get_completion_class(shell)
    assert found is not None, "click knows these shells"  # noqa: S101 - the choice above
    click.echo(found(root, {}, "pypeline", "_PYPELINE_COMPLETE").source())
