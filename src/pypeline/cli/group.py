"""A group of commands that are imported when they are called, and whose errors are one line."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import click

from pypeline.cli.failures import failure_of, misuse


class LazyCommands(MutableMapping[str, click.Command]):
    """
    Commands by name; each is imported when it is looked up.

    Command ``runs`` is the object ``command`` of the module ``<package>.runs``; ``help_texts`` are known
    without it.
    """

    def __init__(self, package: str, help_texts: Mapping[str, str]) -> None:
        self.help_texts = help_texts
        self._package = package
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            if name not in self.help_texts:
                raise KeyError(name)
            self._loaded[name] = importlib.import_module(f"{self._package}.{name}").command
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.help_texts, **self._loaded})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def lazy(package: str, help_texts: Mapping[str, str]) -> LazyCommands:
    """The commands of a package: name → help in one line, in the order of the help page."""
    return LazyCommands(package, help_texts)


class CommandGroup(click.Group):
    """
    A group that lists its commands without importing them.

    Errors leave as one line on stderr with their exit code; a reader who closes the pipe ends the command
    quietly.
    """

    commands: LazyCommands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names in the order of the help page."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The commands with their help, as click writes them, but without a look into them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands.help_texts.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The names that begin so, with their help; those of options are click's."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - needed by shells only

        texts = self.commands.help_texts
        names = [CompletionItem(name, help=texts[name]) for name in texts if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises on purpose becomes a `Failure`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ctx.exit(0)
        except click.UsageError as error:
            raise misuse(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if (ctx.obj or {}).get("traceback"):
                raise
            raise failure_of(error) from error
        finally:
            _flush_stdout()


def _flush_stdout() -> None:
    """Write what is in the buffer, or drop it where nobody reads: Python would write it at exit, loudly."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
