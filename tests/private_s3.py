"""A store that speaks S3, of a test's own: moto's server, which keeps everything in memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from services import free_port, unavailable

if TYPE_CHECKING:
    from types import TracebackType

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 30.0


class PrivateS3:
    """A server on a port of its own, at ``url``, while the context lasts; it takes any credentials."""

    def __init__(self) -> None:
        if not all(importlib.util.find_spec(name) for name in ("moto", "flask", "flask_cors")):
            unavailable("S3: no moto here (pip install 'moto[s3]' flask-cors)")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._await_answer(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_TIMEOUT)

    def fill(self, bucket: str, files: dict[str, bytes]) -> None:
        """Make the bucket and put the objects into it."""
        with closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            _put(connection, f"/{bucket}", b"")
            for key, body in files.items():
                _put(connection, f"/{bucket}/{quote(key)}", body)

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _START_TIMEOUT
        while not _answers(f"{self.url}/moto-api/"):
            if process.poll() is not None or time.monotonic() > end:
                self.__exit__(None, None, None)
                unavailable(f"S3: moto did not start on port {self.port}")
            time.sleep(0.05)


def _put(connection: HTTPConnection, path: str, body: bytes) -> None:
    # Not by boto3, which takes twice as long: of a signature the server reads nothing but the service's name.
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request"}
    connection.request("PUT", path, body, signed)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"PUT {path}: {answer.status} {said!r}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
