"""Whether a process has the handlers that a run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.config.check import importable
from pypeline.config.handlers import HandlerProblem, import_handler, read_signature
from pypeline.errors import InvalidInput

if TYPE_CHECKING:
    from pypeline.config.config import Config
    from pypeline.runs.plan import Plan


def require_handlers(config: Config, plan: Plan, service: str | None) -> None:
    """
    Import what the nodes of a plan call, where nobody but this process could: they would wait for ever.

    Raises InvalidInput for a handler that cannot be used, or that the service (None: any) does not register.
    """
    registered = config.handlers(service)
    with importable(config.folder):
        for step in plan.steps:
            for handler in step.handlers if step.listing is None else ():
                if handler not in registered:
                    raise InvalidInput(
                        f"node {step.name}: handler {handler} is not among the registeredTasks of "
                        f"{service or 'any service'} in {config.path}"
                    )
                try:
                    read_signature(import_handler(handler, config.folder))
                except HandlerProblem as problem:
                    raise InvalidInput(
                        f"node {step.name}: handler {problem}; `pypeline validate` checks all of them"
                    ) from problem
