"""The API from a thread of a process that does other things: for one developer, not for the world."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from pypeline.flask.installation import Installation
from pypeline.flask.standalone import URL_PREFIX, standalone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import Link
    from pypeline.config import Settings

_LOOK = 0.1  # seconds


@contextmanager
def served_in_background(settings: Settings, link: Link, host: str, port: int) -> Iterator[str]:
    """
    Serve the API on that address while entered, on what ``link`` has open; answers its URL.

    An empty host is every address of this machine, port 0 a free one. Raises OSError where it is taken.
    """
    app = standalone(Installation(settings, link))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Opened here: Werkzeug would end the process where the port is taken.
    with socket.create_server((host, port), family=family) as listening:
        port = listening.getsockname()[1]
        server = make_server(host, port, app, threaded=True, request_handler=_Handler, fd=listening.fileno())
        thread = threading.Thread(
            target=server.serve_forever, args=(_LOOK,), name="pypeline-api", daemon=True
        )
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host or "0.0.0.0"  # noqa: S104 - it is what was asked for
            yield f"http://{shown}:{port}{URL_PREFIX}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(WSGIRequestHandler):
    """One that tells nobody its version, and writes no line for each request."""

    def version_string(self) -> str:
        return "pypeline"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size
