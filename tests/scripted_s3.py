"""A server that answers requests of S3 as a test says, one after the other: faults, pages, odd keys."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a status of 0 hangs up without one."""

    status: int
    body: str = ""


def page(*keys: str, more: str | None = None) -> Answer:
    """A page of keys, quoted as boto3 asks for them; ``more`` is the token of the next, maybe empty."""
    contents = "".join(f"<Contents><Key>{quote(key)}</Key><Size>1</Size></Contents>" for key in keys)
    following = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    said = f"<EncodingType>url</EncodingType><IsTruncated>{str(more is not None).lower()}</IsTruncated>"
    return Answer(HTTPStatus.OK, f"<ListBucketResult>{said}{following}{contents}</ListBucketResult>")


def fault(status: int, code: str) -> Answer:
    """An error as S3 tells it."""
    return Answer(status, f"<Error><Code>{escape(code)}</Code><Message>because</Message></Error>")


class ScriptedS3:
    """Serves the answers at ``url`` while the context lasts, the last of them for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[str] = []
        self._answers = list(answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, path: str) -> Answer:
        self.requests.append(path)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _handler(scripted) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's self is another
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = scripted._next(self.path)
                self.close_connection = True
                if answer.status:
                    self.send_response(answer.status)
                    self.end_headers()
                    self.wfile.write(answer.body.encode())

            def log_message(self, *said: Any) -> None:
                pass

        return Handler
