"""``python -m pypeline.cli``, the same as the command ``pypeline``."""

from __future__ import annotations

from pypeline.cli.app import main

main(prog_name="pypeline")
