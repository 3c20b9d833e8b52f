"""A Flask application as a user writes it, served by ``flask run`` and driven with ``curl``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from typing import TYPE_CHECKING, Any

import pytest

from services import free_port, unavailable
from worker_shop import PATIENCE, Shop, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = """\
from flask import Flask
from pypeline.flask import FlaskPypeline, require_accesskey

app = Flask(__name__)
FlaskPypeline(app, init_api=True)

@app.get("/")
def index():
    return "the shop is open"

@app.get("/till")
@require_accesskey(role="operator")
def till():
    return {"cash": 7}
"""
KEYS = "ann:admin:of-ann,rita:reader:of-rita"
JSON = ("-H", "Content-Type: application/json", "-d")


@dataclass
class Answer:
    """What curl received."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.text)


@dataclass
class Site:
    """The application where it is served; ``get`` and ``post`` are calls of curl with the key of an admin."""

    url: str
    shop: Shop
    log: Path

    def get(self, path: str, *options: str, key: str = "of-ann") -> Answer:
        """What ``curl`` with these options gets."""
        said = ["curl", "-sS", "-i", "--max-time", "20", "-H", f"accesskey: {key}", *options, self.url + path]
        done = subprocess.run(said, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, (done.stderr, self.log.read_text())
        head, _, text = done.stdout.partition("\n\n")
        first, *lines = head.splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), headers, text)

    def post(self, path: str, body: Any = None, **more: str) -> Answer:
        """The same with a body of JSON, or with none."""
        said = [] if body is None else [*JSON, json.dumps(body)]
        return self.get(path, "-X", "POST", *said, **more)

    def ended(self, run_id: str) -> Any:
        """The results of a run once it has ended, polled as a client would."""
        path = f"/api/v1/pipelines/results/{run_id}"
        wait_until(lambda: self.get(path).status == 200, lambda: self.get(path).text + self.log.read_text())
        return self.get(path).json


@contextmanager
def served(shop: Shop, **variables: str) -> Iterator[Site]:
    """The application under ``flask run`` on a free port of loopback, once it answers."""
    if shutil.which("curl") is None:
        unavailable("curl: not on the path (apt install curl)")
    port, log = free_port(), shop.folder / "flask.log"
    (shop.folder / "storefront.py").write_text(APPLICATION)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "storefront.py", "run", "--port", str(port)],
            cwd=shop.folder,
            env={**environ, **shop.variables, "PYPELINE_ACCESS_KEYS": KEYS, **variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "Running on" in log.read_text() or process.poll() is not None, log.read_text)
        assert process.poll() is None, log.read_text()
        yield Site(f"http://127.0.0.1:{port}", shop, log)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def worker(shop: Shop) -> Iterator[None]:
    """``pypeline worker`` of the shop, which is ready."""
    log = shop.folder / "worker.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pypeline.cli", "worker", "-n", f"{uuid.uuid4().hex[:8]}@%h", "-c", "2"],
            cwd=shop.folder,
            env={**environ, **shop.variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: " ready." in log.read_text() or process.poll() is not None, log.read_text)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module", params=["SQLite and no broker", "PostgreSQL and RabbitMQ"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        if request.param == "SQLite and no broker":
            shop = Shop(folder, f"sqlite:///{folder / 'shop.db'}")
            yield stack.enter_context(served(shop, PYPELINE_BROKER_URL=""))
            return
        shop, _ = stack.enter_context(open_shop(folder, request.getfixturevalue("postgres_url")))
        stack.enter_context(worker(shop))
        yield stack.enter_context(served(shop))


def test_the_application_has_at_most_15_lines():
    assert len(APPLICATION.splitlines()) <= 15


def test_a_run_is_started_polled_and_its_results_are_read(site):
    accepted = site.post("/api/v1/pipelines/invoke/sum", {"chain_payload": {"day": "monday"}})

    assert accepted.status == 202
    run_id = accepted.json["execution_id"]
    ended = site.ended(run_id)
    assert (ended["status"], ended["result"], ended["results"]) == ("success", 2, {"total": 2})
    run = site.get(accepted.headers["Location"])
    assert run.json["payload"] == {"day": "monday"}
    assert site.get(accepted.headers["Location"], "-H", f"If-None-Match: {run.headers['ETag']}").status == 304


def test_a_handler_that_goes_on_hears_that_its_run_was_cancelled(site):
    run_id = site.post("/api/v1/pipelines/invoke/until_cancelled").json["execution_id"]
    path = f"/api/v1/runs/{run_id}"
    wait_until(lambda: site.get(path).json["counts"]["running"] == 1, lambda: site.get(path).text)

    assert site.post(f"{path}/cancel").json["cancel_requested"] is True

    assert site.ended(run_id)["result"] == "heard"


def test_the_same_key_starts_one_run(site):
    said = ("-X", "POST", "-H", "Idempotency-Key: once", *JSON, "{}")

    first, second = (site.get("/api/v1/pipelines/invoke/sum", *said).json["execution_id"] for _ in range(2))

    assert first == second
    assert site.ended(first)["status"] == "success"


def test_the_users_own_views_are_there_and_guarded(site):
    assert site.get("/", key="none").text == "the shop is open"
    assert site.get("/till").json == {"cash": 7}
    assert site.get("/till", key="of-rita").status == 403
    assert site.get("/nothing").headers["Content-Type"].startswith("text/html")


def test_who_has_no_key_starts_nothing(site):
    refused = site.post("/api/v1/pipelines/invoke/sum", {}, key="guessed")

    assert refused.status == 401
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["WWW-Authenticate"]


def test_no_key_and_no_fault_is_in_the_log(site):
    log = site.log.read_text()

    assert "of-ann" not in log
    assert "Traceback" not in log
