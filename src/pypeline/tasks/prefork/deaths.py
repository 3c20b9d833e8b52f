"""Processes of a pool that died, and what becomes of the attempts that they ran."""

from __future__ import annotations

import os
import re
import signal

from pypeline.runs.outcome import ErrorInfo, Failed

UNKNOWN = "nobody knows how"
"""The cause of a death that somebody else was told of."""

_SAID = re.compile(r"prematurely: (.*?)( Job: \d+)?\.?$")
"""In billiard's words for a process that ended: ``Worker exited prematurely: signal 9 (SIGKILL) Job: 4.``"""


def lost_with_its_process(cause: str, attempt: int) -> Failed:
    """How an attempt ends whose process died."""
    hint = "; the kernel does this where memory runs out" if "SIGKILL" in cause else ""
    return Failed(ErrorInfo("WorkerLost", f"its process ended while it ran attempt {attempt}: {cause}{hint}"))


def cause_of_death(pid: int) -> str | None:
    """
    Why a child of this process is dead; None while it lives.

    Asks without burying it: the pool wants to do that, and takes some seconds to notice.
    """
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return UNKNOWN
    except AttributeError:  # not every system has it; there the pool's own notice has to do
        return None
    if found is None:
        return None
    if found.si_code == os.CLD_EXITED:
        return f"exitcode {found.si_status}"
    return f"signal {found.si_status} ({signal.Signals(found.si_status).name})"


def cause_in(error: BaseException) -> str:
    """The cause in what the pool says of a process that died."""
    said = _SAID.search(str(error))
    return said[1] if said else str(error) or type(error).__name__
