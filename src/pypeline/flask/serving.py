"""
The API under gunicorn: ``python -m pypeline.flask.serving [GUNICORN OPTIONS]``, which `pypeline web` becomes.

Settings of gunicorn come from here first, then from its configuration file, ``GUNICORN_CMD_ARGS`` and the
command line, each over the one before.
"""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import Application
from gunicorn.glogging import Logger

from pypeline.config import Settings
from pypeline.errors import InvalidSetting, PypelineError
from pypeline.flask.access import HEADER
from pypeline.flask.addresses import require_keys
from pypeline.flask.installation import NAME, require_servers
from pypeline.logs import write_as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from flask import Flask
    from gunicorn.arbiter import Arbiter
    from gunicorn.config import Config
    from gunicorn.workers.base import Worker

BIND = "127.0.0.1:8000"
THREADS = 8
MOST_WORKERS = 4

_OF_EMBEDDED = 15
"""Seconds that the worker inside this process may take to end, at most."""

_WITH_THREADS = ("gthread", "sync")
_SECRETS = (HEADER, "authorization", "cookie")
_BAD_INPUT = 2


def main() -> None:
    """Serve until SIGTERM or Ctrl-C. Exit code 2 where a setting forbids it."""
    settings = Settings.load()
    _start_log(settings)
    server = Server(settings)
    try:
        require_servers(settings)
        require_keys(settings, _hosts(server.cfg))
        _require_threads_of_one_process(settings, server.cfg)
    except (PypelineError, RuntimeError) as error:  # gunicorn's own, for what is no address
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - before there is a log
        sys.exit(_BAD_INPUT)
    server.run()


class Server(Application):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with our settings beneath those of the user."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__("%(prog)s [OPTIONS]", prog="pypeline web --")

    def init(self, parser: Any, opts: Any, args: list[str]) -> dict[str, Any]:  # noqa: ARG002 - gunicorn's
        """What holds where nobody says otherwise."""
        if args:
            parser.error(f"what is served is PypeLine itself: leave out {' '.join(args)}")
        return defaults(self._settings)

    def load(self) -> Flask:
        """The application, in each worker."""
        from pypeline.flask.wsgi import app  # noqa: PLC0415 - importing it makes it

        return app


def defaults(settings: Settings) -> dict[str, Any]:
    """The settings of gunicorn, for settings of ours."""
    return {
        "bind": BIND,
        # Where no broker is set, a run lives in the process that started it.
        "workers": 1 if settings.embedded else max(2, min(os.cpu_count() or 1, MOST_WORKERS)),
        "worker_class": "gthread",
        "threads": THREADS,
        "keepalive": 5,
        "timeout": 30,
        "graceful_timeout": max(1, math.ceil(settings.shutdown_grace))
        + (_OF_EMBEDDED if settings.embedded else 0),
        # Whom we believe is for PYPELINE_TRUSTED_PROXIES to say, alone.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "control_socket_disable": True,
        "loglevel": settings.log_level.lower(),
        "logger_class": JsonLogger if settings.log_format == "json" else DiscreetLogger,
        "proc_name": "pypeline-web",
        "when_ready": _end_on_interrupt,
        "post_worker_init": _leave_interrupts_to_the_parent,
        "worker_exit": _close,
    }


class DiscreetLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn's log, but for secrets: whatever format the user has for a line, keys are not in it."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """What a line of the access log may be made of."""
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        for secret in _SECRETS:
            for name in (f"{{{secret}}}i", f"{{http_{secret}}}e"):
                if name in found:
                    found[name] = "***"
        # It has all headers once more, as they came.
        return {name: value for name, value in found.items() if not name.startswith("{gunicorn.")}

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A warning; one about a header that cannot be read does not quote it."""
        if msg.startswith("Invalid request"):
            msg = re.sub(r"['\"].*", "…", msg, flags=re.DOTALL)
        super().warning(msg, *args, **kwargs)


class JsonLogger(DiscreetLogger):
    """The same, a JSON object a line."""

    def setup(self, cfg: Config) -> None:
        """Open what the configuration names."""
        super().setup(cfg)
        write_as_json(self.error_log)
        write_as_json(self.access_log)


def _start_log(settings: Settings) -> None:
    logging.basicConfig(level=settings.log_level, format=Logger.error_fmt, datefmt=Logger.datefmt)
    if settings.log_format == "json":
        write_as_json(logging.getLogger())


def _hosts(cfg: Config) -> Iterator[str | None]:
    """Where it is to listen; None for what is no address, as a unix socket is."""
    for address in cfg.address:
        yield address[0] if isinstance(address, tuple) else None


def _require_threads_of_one_process(settings: Settings, cfg: Config) -> None:
    """Without a broker a worker with threads runs inside the process that answers."""
    if not settings.embedded:
        return
    if cfg.workers > 1:
        given = "--workers"
    elif cfg.worker_class_str not in _WITH_THREADS:
        given = f"--worker-class {cfg.worker_class_str}"
    else:
        return
    raise InvalidSetting(
        "PYPELINE_BROKER_URL",
        "is not set, so runs live in threads of the one process that answers: "
        f"leave out {given} (--threads may be more), or set a broker",
    )


def _end_on_interrupt(server: Arbiter) -> None:
    """Let Ctrl-C do what SIGTERM does; a second one is gunicorn's own, and does not wait."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(number, server.signal)
        server.signal(signal.SIGTERM, frame)

    signal.signal(signal.SIGINT, interrupted)


def _leave_interrupts_to_the_parent(worker: Worker) -> None:
    """A terminal sends Ctrl-C to all of them; gunicorn's workers would drop their requests."""
    del worker
    # Not SIG_IGN: programs that handlers start would inherit it.
    signal.signal(signal.SIGINT, lambda *_: None)


def _close(server: Arbiter, worker: Worker) -> None:
    """Let what runs inside this process finish, while it still may start threads."""
    del server
    if (app := getattr(worker, "wsgi", None)) is not None:
        app.extensions[NAME].link.close()


if __name__ == "__main__":
    main()
