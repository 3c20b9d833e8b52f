"""One worker process with its children: started, weighed and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 20  # seconds that a worker gets to end by itself
_RESET_PEAK = "5"  # what /proc/PID/clear_refs takes for that


class WorkerDied(Exception):  # noqa: N818 - names say what is wrong
    """A worker ended by itself; its log says why."""


class Worker:
    """``celery -A app worker`` in a folder of its own; its log is the file ``worker.log`` there."""

    def __init__(self, app: str, options: list[str], *, environment: Mapping[str, str], folder: Path) -> None:
        self._log = folder / "worker.log"
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", app, "worker", *options],
                cwd=folder,
                env=environment_of(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who end it
            )

    @property
    def pid(self) -> int:
        """The parent's."""
        return self._process.pid

    def check(self) -> None:
        """Raise WorkerDied if it is gone."""
        if self._process.poll() is not None:
            raise WorkerDied(f"{self._log} ends with\n{self._log.read_text()[-2000:]}")

    def cpu(self) -> float:
        """Seconds of CPU, user and system, that its processes have used, to a hundredth."""
        return sum(sum(process.cpu_times()[:2]) for process in self._tree())

    def forget_peak(self) -> None:
        """Let `peak_memory` begin anew."""
        for process in self._tree():
            Path(f"/proc/{process.pid}/clear_refs").write_text(_RESET_PEAK)

    def peak_memory(self) -> int:
        """The most resident bytes of each process, added up; pages that they share count in each."""
        return sum(map(peak, self.pids()))

    def pids(self) -> list[int]:
        """Its processes, the parent first."""
        return [process.pid for process in self._tree()]

    def stop(self) -> None:
        """End it and its children."""
        tree = self._tree() if self._process.poll() is None else []
        self._process.terminate()
        _, left = psutil.wait_procs(tree, timeout=_PATIENCE)
        for process in left:
            process.kill()
        self._process.wait()

    def _tree(self) -> list[psutil.Process]:
        self.check()
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with those variables; our modules, the handlers among them, come first."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **variables}


def peak(pid: int) -> int:
    """The most bytes that were resident in a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
