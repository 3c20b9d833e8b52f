"""Schedulers that die, or stand still, between two steps of what they do for a schedule that is due."""

from __future__ import annotations

import os
import signal
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypeline.engine import Engine
from pypeline.store.schedules import firing

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS = {
    # step: where it stands, the call that it is done in, before or after that call, the signal
    "locked": (firing, "_written", "before", signal.SIGKILL),
    "started": (firing, "_start", "after", signal.SIGKILL),
    "committed": (Engine, "dispatch_fired", "before", signal.SIGKILL),
    "vanished": (firing, "_start", "after", signal.SIGSTOP),
}


def stop_at(step: str, *, mark: str) -> None:
    """End this scheduler at that step of the first firing that starts a run; ``mark`` is made before."""
    place, name, side, number = _STEPS[step]
    call = getattr(place, name)

    def stop() -> None:
        if not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), number)
            # To stand still takes its time: this thread must not go on meanwhile.
            time.sleep(1)

    setattr(place, name, _stopping(call, side, stop))


def _stopping(call: Callable[..., Any], side: str, stop: Callable[[], None]) -> Callable[..., Any]:
    @wraps(call)
    def around(*args: Any, **kwargs: Any) -> Any:
        if side == "before" and _fires(args):
            stop()
        answer = call(*args, **kwargs)
        if side == "after" and _fires(args):
            stop()
        return answer

    return around


def _fires(args: tuple[Any, ...]) -> bool:
    """True where what the step was given starts a run; a new schedule is planned by the same steps."""
    return any(_starts(one) for arg in args if isinstance(arg, list | tuple) for one in arg)


def _starts(one: Any) -> bool:
    if isinstance(one, tuple):  # a schedule's id, and what is decided for it
        one = one[1]
    return bool(getattr(one, "occurrences", ())) or getattr(one, "run_id", None) is not None
