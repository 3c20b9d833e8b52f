"""A child does not outlive its parent: nobody would renew its leases, or end its handler."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

logger = logging.getLogger(__name__)

_ORPHANED = 70
_BETWEEN_LOOKS = 1.0


def die_with(parent: int) -> None:
    """
    End this process as soon as its parent is gone.

    On Linux Celery has asked the kernel for that already (``PR_SET_PDEATHSIG``); what is left is to see
    whether the parent died before. Elsewhere a thread watches the parent's id.
    """
    if os.getppid() != parent:
        _exit()
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(parent,), name="pypeline-orphan", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_BETWEEN_LOOKS)
    _exit()


def _exit() -> None:
    logger.warning("the parent of this process is gone")
    os._exit(_ORPHANED)
