"""What a Python program calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pypeline.application.payloads import require_json
from pypeline.client.run import Run
from pypeline.client.schedules import ClientSchedules
from pypeline.config import Settings
from pypeline.errors import InvalidInput
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pypeline.config import Config
    from pypeline.types import JsonObject

_TRIGGER = "python"


class Client:
    """
    Starts runs, looks at them, and manages ``schedules``.

    ``settings`` are by default those of the environment, ``config`` (also a path) is what they name. Nothing
    is opened before the first call. Where no broker is set, runs need this process: a worker with threads
    runs them in it from the first one on, until `close`. A client may be shared by threads, and made before a
    process forks.
    """

    def __init__(self, settings: Settings | None = None, config: Config | Path | str | None = None) -> None:
        from pypeline.bootstrap import Link  # noqa: PLC0415 - Celery and SQLAlchemy, which a base install lacks

        given = Path(config) if isinstance(config, str) else config
        self._link = Link(Settings.load() if settings is None else settings, given)
        self.schedules = ClientSchedules(self._link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Close what was opened. Without a broker the handlers that run have 10 seconds to finish.

        Runs that are not through then stay as they are, until somebody retries them. Safe to repeat.
        """
        self._link.close()

    def invoke(
        self,
        pipeline_id: str,
        payload: JsonObject | None = None,
        *,
        idempotency_key: str | None = None,
        task_replacements: Mapping[str, int] | None = None,
    ) -> Run:
        """
        Start a run; it is stored when this returns, also where the broker is away.

        The same ``idempotency_key`` (1 to 255 printable characters of ASCII) with the same payload answers
        the run that it started. ``task_replacements`` maps a node to the index of its handler.

        Raises UnknownPipeline, InvalidPayload, UnknownNode and IdempotencyConflict; ConfigurationNotFound and
        InvalidConfiguration; InvalidInput for a key that cannot be kept, and where no broker is set and a
        handler cannot be used.
        """
        require_json(payload)
        application = self._link.configured()
        self._link.staff(self._link.config().plan(pipeline_id))
        run_id = application.invoke(
            pipeline_id,
            payload,
            trigger=_TRIGGER,
            idempotency_key=idempotency_key,
            task_replacements=task_replacements,
        )
        return Run(self._link, run_id)

    def run(self, run_id: str) -> Run:
        """The run of this id. Raises UnknownRun."""
        self._link.application.state(run_id)
        return Run(self._link, run_id)

    def runs(
        self,
        pipeline: str | None = None,
        state: str | None = None,
        limit: int = 50,
        after: Run | str | None = None,
    ) -> list[Run]:
        """
        Runs, newest first: those of one pipeline, or in one state, where that is said.

        ``limit`` is at most 1,000; ``after`` is the last of a page, for the next one. Raises InvalidInput and
        UnknownRun.
        """
        if after is not None:
            after = self.run(after.id if isinstance(after, Run) else after).id
        wanted = RunFilter(
            pipeline_id=pipeline,
            states=frozenset() if state is None else frozenset({_state(state)}),
            limit=limit,
            after=after,
        )
        return [Run(self._link, record.run_id) for record in self._link.application.runs(wanted)]

    def cancel(self, run_id: str) -> RunState:
        """As `Run.cancel`. Raises UnknownRun."""
        return Run(self._link, run_id).cancel()

    def retry(self, run_id: str, from_node: str | None = None) -> Run:
        """As `Run.retry`. Raises UnknownRun."""
        run = Run(self._link, run_id)
        run.retry(from_node)
        return run


def _state(text: str) -> RunState:
    try:
        return RunState(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no state of a run: use one of {', '.join(RunState)}") from None
