"""The staff of whichever process asks, made after the fork that made the process."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pypeline.errors import DatabaseUnavailable
from pypeline.tasks.brokers.messages import read_ref
from pypeline.tasks.prefork.crew import Crew
from pypeline.tasks.workers.ending import Ending
from pypeline.tasks.workers.staff import Post, Role, worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pypeline.store.records import AttemptRef
    from pypeline.tasks.prefork.crew import EndOf
    from pypeline.tasks.workers.staff import Hire, Staff

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class PerProcess:
    """
    Gives each process of a worker a `Staff` of its own, made by ``hire`` when it is first needed.

    A database connection that came through a fork belongs to the parent; a thread does not come through.
    ``others_run`` answers whether a worker runs anything but nodes.
    """

    def __init__(self, hire: Hire, *, others_run: Callable[[], bool] = lambda: False) -> None:
        self._hire = hire
        self._others_run = others_run
        self._lock = threading.Lock()
        self._here: tuple[int, Staff] | None = None
        self._post = Post(worker_id(os.getpid()), Crew())
        self._ending: Ending | None = None
        self.main: int | None = None
        """The process id of the worker's main process, once one is known."""

    def perform(self, ref: AttemptRef) -> None:
        """Do one attempt in this process. Raises as `NodeWorker.perform` does."""
        staff = self.begin()
        assert staff.nodes is not None, "no message comes to the parent of a pool"  # noqa: S101 - its children have them
        staff.nodes.perform(ref)

    def prepare(self, pool: str) -> None:
        """This is the main process of a worker, before its pool is made."""
        self.main = os.getpid()
        role = Role.PARENT if pool == "prefork" else Role.WHOLE
        self._post = Post(worker_id(self.main), Crew(), role=role, pool=pool)

    def begin_main(
        self,
        *,
        queues: tuple[str, ...] = (),
        concurrency: int = 1,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """
        The worker of this process is ready; these are the queues that it reads.

        Waits for the database, in pauses that may raise where the worker is to end.
        """
        self._post = replace(self._post, queues=queues, concurrency=concurrency)
        staff = self.begin(pause)
        self._ending = Ending(self._is_idle, self._break_off)
        self._ending.start()
        if staff.nodes is not None:
            staff.nodes.on_end = self._ending.changed
        self._post.crew.on_end = self._ending.changed
        atexit.register(self.end)  # a cold shutdown sends no signal at its end

    def begin_child(self, *, parent: int, index: int) -> None:
        """This is a child of a pool: it works under the worker id of its parent."""
        self._post = replace(self._post, worker_id=worker_id(parent), role=Role.CHILD, index=index)
        # The pool kills a child that is not ready within seconds: its first attempt may wait.
        with suppress(DatabaseUnavailable), self._lock:
            self._begin()

    def begin(self, pause: Callable[[float], object] = time.sleep) -> Staff:
        """The staff of this process, at work; waits for the database."""
        here = self._here
        if here is not None and here[0] == os.getpid():
            return here[1]
        with self._lock:
            return self._insist(pause)

    def finish(self, grace: float) -> None:
        """
        Take nothing new, let what runs end within so many seconds, then give it back, uncharged.

        Returns at once. A signal handler may call it.
        """
        here = self._here
        if here is None or here[0] != os.getpid() or self._ending is None:
            return
        if here[1].nodes is not None:
            here[1].nodes.stop()
        self._ending.within(grace)

    def end(self) -> None:
        """Give back what still runs, and close. Nothing where this process never began."""
        here, self._here = self._here, None
        if here is None or here[0] != os.getpid():
            return
        staff = here[1]
        staff.give_back()
        if staff.upkeep is not None:
            staff.upkeep.stop()
        if staff.foreman is not None:
            with suppress(DatabaseUnavailable):  # what is left is found by its lapsed lease
                staff.foreman.settle()
        staff.retire()
        staff.close()

    def accepted(self, request: Hashable, carried: Any, pid: int) -> None:
        """A process of the pool has begun with a request that carries an attempt."""
        if self._post.role is not Role.PARENT:
            return
        try:
            ref = read_ref(carried)
        except ValueError:
            return  # its task says so
        self._post.crew.accepted(request, ref, pid)

    def released(self, request: Hashable) -> None:
        """The request is done with."""
        self._post.crew.released(request)

    def gone(self, request: Hashable, ending: EndOf) -> None:
        """The process that ran the request has died."""
        self._post.crew.gone(request, ending)

    def _insist(self, pause: Callable[[float], object]) -> Staff:
        seconds = _FIRST_PAUSE
        while True:
            try:
                return self._begin()
            except DatabaseUnavailable as error:
                if seconds == _FIRST_PAUSE:
                    logger.warning("this process waits for the database: %s", error)
                pause(seconds)
                seconds = min(2 * seconds, _LONGEST_PAUSE)

    def _begin(self) -> Staff:
        here = self._here
        if here is not None and here[0] == os.getpid():
            return here[1]
        staff = self._hire(self._post)
        if staff.upkeep is not None:
            upkeep = staff.upkeep
            self._post.crew.on_loss = lambda: upkeep.expect(0.0)
            upkeep.start()
        self._here = (os.getpid(), staff)
        return staff

    def _is_idle(self) -> bool:
        here = self._here
        if here is None or here[1].nodes is None:
            return not self._post.crew.running()
        return not here[1].nodes.running

    def _break_off(self) -> None:
        here = self._here
        if here is None:
            return
        staff = here[1]
        logger.warning("gave back %s attempts that did not end in time", staff.give_back())
        if staff.foreman is not None:
            staff.foreman.dismiss()
        elif not self._others_run():
            self._leave_threads_behind()

    def _leave_threads_behind(self) -> None:
        """End this process: nobody else can end its handlers, and Celery would wait for them for ever."""
        self.end()
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
