"""
A store of as many keys as one likes that answers one request, ListObjectsV2, page by page.

Its keys are computed, not kept, and any credentials are taken. It is quick, so that what is measured is who
asks: a page of 1,000 keys, with all that S3 tells of each, is made in a millisecond or two.
"""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

PREFIX = "folder/path/"
_PAGE = 1000
_FILE = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>1024</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


@contextmanager
def list_server(keys: int) -> Iterator[str]:
    """The URL of a server with so many keys, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(keys, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()


def _serve(keys: int, told: Connection) -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.keys = keys
    told.send(server.server_port)
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    keys: int
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # One write an answer: head and body apart would wait for each other's acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        start = int(asked.get("continuation-token", ["0"])[0])
        body = _page(start, min(start + _PAGE, self.server.keys), self.server.keys).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        pass


def _page(start: int, end: int, keys: int) -> str:
    files = "".join(_FILE.format(key=f"{PREFIX}{number:08}.txt") for number in range(start, end))
    more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < keys else ""
    return (
        f"<ListBucketResult><Name>bucket</Name><KeyCount>{end - start}</KeyCount>"
        f"<IsTruncated>{str(end < keys).lower()}</IsTruncated>{more}{files}</ListBucketResult>"
    )
