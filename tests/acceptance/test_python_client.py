"""`pypeline.Client` in one process: no server, the worker starts with the first run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta

import pytest

import pypeline
from pypeline.config import Settings
from pypeline.errors import (
    ConfigurationNotFound,
    IdempotencyConflict,
    InvalidInput,
    InvalidPayload,
    InvalidSchedule,
    NotPossible,
    UnknownPipeline,
    UnknownRun,
)

HANDLERS = """
import pathlib, time

def numbers(event): return list(range(event.get("count", 3)))
def square(event): return event["item"] ** 2
def total(event, square): return {"total": sum(square), "lang": event.get("lang")}
def needs_file(event): return pathlib.Path(event["file"]).read_text()
def greet(event): return "hello " + event["lang"]
def waits(event):
    pathlib.Path(event["begun"]).touch()
    while not pathlib.Path(event["go"]).exists():
        time.sleep(0.02)
    return "went"
"""
CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks:
      - {handler: MODULE.numbers}
      - {handler: MODULE.square}
      - {handler: MODULE.total, event: {lang: en}}
      - {handler: MODULE.needs_file}
      - {handler: MODULE.greet, event: {lang: en}}
      - {handler: MODULE.waits}
pipelines:
  squares:
    config:
      metadata: {queue: q}
      dagAdjacency: {numbers: [square], square: [total]}
      taskDefinitions:
        numbers: {handler: MODULE.numbers}
        square: {handler: MODULE.square, forEach: numbers}
        total: {handler: MODULE.total}
  mapped:
    config:
      metadata: {queue: q}
      dagAdjacency: {numbers: [square], greet: []}
      taskDefinitions:
        numbers: {handler: MODULE.numbers}
        square: {handler: MODULE.square, forEach: numbers}
        greet: {handler: MODULE.greet}
  fails:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {numbers: [needs_file]}
      taskDefinitions: {numbers: {handler: MODULE.numbers}, needs_file: {handler: MODULE.needs_file}}
  waits:
    config:
      metadata: {queue: q}
      dagAdjacency: {waits: [greet]}
      taskDefinitions: {waits: {handler: MODULE.waits}, greet: {handler: MODULE.greet}}
"""
PATIENCE = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An application in a folder: handlers, configuration, and its database."""
    folder = tmp_path_factory.mktemp("client")
    write_application(folder, "client_handlers")
    return folder


@pytest.fixture(scope="module")
def client(folder):
    with open_client(folder) as client:
        yield client


def write_application(folder, module):
    (folder / f"{module}.py").write_text(HANDLERS)
    (folder / "sermos.yaml").write_text(CONFIG.replace("MODULE", module))


def open_client(folder, **variables):
    database = f"sqlite:///{folder / 'runs.db'}"
    settings = Settings.load({"PYPELINE_DATABASE_URL": database, **variables}, folder=folder)
    return pypeline.Client(settings)


def in_a_process(folder, program):
    """What a program of its own prints; it finds everything by its working folder."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_run_is_started_waited_for_and_read(client):
    run = client.invoke("squares", {"count": 4})

    assert run.wait(PATIENCE) == "success"
    assert run.state == "success"
    assert run.results == {"total": {"total": 14, "lang": "en"}}
    assert run.error is None
    assert run.document()["trigger"] == "python"


def test_results_are_those_of_the_final_nodes_items_included(client):
    run = client.invoke("mapped", {"count": 3})
    run.wait(PATIENCE)

    assert run.results == {"square": [0, 1, 4], "greet": "hello en"}


def test_a_failed_run_says_why_and_a_retry_goes_on(client, tmp_path):
    file = tmp_path / "needed"
    run = client.invoke("fails", {"file": str(file)})

    assert run.wait(PATIENCE) == "failed"
    assert "needs_file" in run.error
    assert run.results == {"needs_file": None}

    file.write_text("now")
    assert client.retry(run.id) == run
    assert run.wait(PATIENCE) == "success"
    assert run.results == {"needs_file": "now"}
    numbers, needs_file = run.document()["nodes"]
    assert (numbers["attempt"], needs_file["attempt"]) == (1, 2)


def test_a_retry_may_begin_at_a_node_that_succeeded(client):
    run = client.invoke("squares")
    run.wait(PATIENCE)

    run.retry(from_node="total")

    assert run.wait(PATIENCE) == "success"
    attempts = {node["node"]: node["attempt"] for node in run.document()["nodes"] if node["index"] is None}
    assert attempts == {"numbers": 1, "square": 1, "total": 2}


def test_waiting_has_an_end_and_the_run_goes_on(client, tmp_path):
    begun, go = tmp_path / "begun", tmp_path / "go"
    run = client.invoke("waits", {"begun": str(begun), "go": str(go)})

    with pytest.raises(TimeoutError, match=f"run {run.id} is .* it goes on"):
        run.wait(0)

    go.touch()
    assert run.wait(PATIENCE) == "success"


def test_a_run_is_cancelled(client, tmp_path):
    go = tmp_path / "go"
    run = client.invoke("waits", {"begun": str(tmp_path / "begun"), "go": str(go)})

    client.cancel(run.id)
    go.touch()

    assert run.wait(PATIENCE) == "cancelled"


def test_runs_are_listed_newest_first_by_pipeline_and_state(client, tmp_path):
    first, second = client.invoke("squares"), client.invoke("squares")
    failed = client.invoke("fails", {"file": str(tmp_path / "never")})
    for run in (first, second, failed):
        run.wait(PATIENCE)

    assert client.runs("squares", limit=2) == [second, first]
    assert client.runs("squares", limit=1, after=second) == [first]
    assert client.runs(state="failed", limit=1) == [failed]
    assert client.run(first.id) == first


def test_the_same_key_answers_the_same_run(client):
    run = client.invoke("squares", {"count": 1}, idempotency_key="monday")

    assert client.invoke("squares", {"count": 1}, idempotency_key="monday") == run
    with pytest.raises(IdempotencyConflict):
        client.invoke("squares", {"count": 2}, idempotency_key="monday")
    run.wait(PATIENCE)


@pytest.mark.parametrize(
    ("call", "error", "reason"),
    [
        (lambda client: client.invoke("squrs"), UnknownPipeline, "squares"),
        (lambda client: client.invoke("squares", {"x": {1, 2}}), InvalidPayload, "JSON"),
        (lambda client: client.invoke("squares", [1]), InvalidPayload, "JSON object"),
        (lambda client: client.run("nobody"), UnknownRun, "nobody"),
        (lambda client: client.cancel("nobody"), UnknownRun, "nobody"),
        (lambda client: client.retry("nobody"), UnknownRun, "nobody"),
        (lambda client: client.runs(state="done"), InvalidInput, "pending, running, success"),
        (lambda client: client.runs(after="nobody"), UnknownRun, "nobody"),
        (lambda client: client.runs(5), InvalidInput, "pipeline: 5 is no name"),
        (lambda client: client.runs("a\0"), InvalidInput, "pipeline: 'a.x00' is no name"),
        (lambda client: client.invoke("squares", idempotency_key=""), InvalidInput, "1 to 255 printable"),
        (lambda client: client.invoke("squares", idempotency_key=5), InvalidInput, "1 to 255 printable"),
        (lambda client: client.invoke("squares", idempotency_key="k" * 256), InvalidInput, "1 to 255"),
        (lambda client: client.invoke("squares", idempotency_key="k\0"), InvalidInput, "1 to 255 printable"),
    ],
)
def test_what_cannot_be_says_what_to_do(client, call, error, reason):
    with pytest.raises(error, match=reason):
        call(client)


@pytest.mark.parametrize("run_id", [5, None, "a\0b", "\udcff"])
@pytest.mark.parametrize("question", ["run", "cancel", "retry"])
def test_what_is_no_id_is_the_id_of_no_run(client, question, run_id):
    with pytest.raises(UnknownRun):
        getattr(client, question)(run_id)


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**30, "5", 1.5, True, None])
def test_a_list_has_a_length_from_one_to_a_thousand(client, limit):
    with pytest.raises(InvalidInput, match="is no number of runs from 1 to 1,000"):
        client.runs(limit=limit)


@pytest.mark.parametrize("timeout", ["5", math.nan, 10**400, timedelta(seconds=5)])
def test_a_timeout_is_a_number_of_seconds(client, timeout):
    run = client.invoke("squares")

    with pytest.raises(InvalidInput, match=r"timeout: .* is no number of seconds"):
        run.wait(timeout)
    assert run.wait(PATIENCE) == "success"


def test_a_run_whose_handler_cannot_be_used_does_not_begin(tmp_path):
    write_application(tmp_path, "client_broken")
    (tmp_path / "client_broken.py").write_text(HANDLERS.replace("def greet", "def meet"))

    with open_client(tmp_path) as client:
        with pytest.raises(InvalidInput, match=r"node greet: .* has no `greet`"):
            client.invoke("mapped")
        assert client.runs() == []


def test_threads_share_a_client(folder):
    with open_client(folder) as client:
        runs = []
        threads = [threading.Thread(target=lambda: runs.append(client.invoke("squares"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {run.wait(PATIENCE) for run in runs} == {"success"}
        assert len({run.id for run in runs}) == 8


def test_a_closed_client_says_so(folder):
    with open_client(folder) as client:
        run = client.invoke("squares")
        run.wait(PATIENCE)

    client.close()
    with pytest.raises(RuntimeError, match="this client is closed"):
        run.wait(PATIENCE)


def test_looking_needs_no_configuration_but_invoking_does(folder, client, tmp_path):
    run = client.invoke("squares")
    run.wait(PATIENCE)
    database = f"sqlite:///{folder / 'runs.db'}"
    settings = Settings.load(
        {"PYPELINE_DATABASE_URL": database, "PYPELINE_APP": folder.name}, folder=tmp_path
    )

    with pypeline.Client(settings) as elsewhere:
        assert elsewhere.runs(limit=1) == [run]
        assert elsewhere.run(run.id).results == run.results
        assert [*elsewhere.schedules.list()] == [*client.schedules.list()]
        with pytest.raises(ConfigurationNotFound):
            elsewhere.invoke("squares")


def test_nothing_is_opened_before_it_is_asked_for(folder, tmp_path):
    database = tmp_path / "untouched.db"

    with open_client(folder, PYPELINE_DATABASE_URL=f"sqlite:///{database}"):
        pass

    assert not database.exists()


def test_a_schedule_is_managed_in_the_words_of_python(client):
    schedules = client.schedules
    start = datetime.now(UTC) + timedelta(days=1)

    made = schedules.create(
        "greet", task="client_handlers.greet", every=timedelta(minutes=90), start_at=start, queue="other"
    )
    changed = schedules.update("greet", cron="0 2 * * *", start_at=None, timezone="Europe/Berlin")

    assert (made.schedule.timing.text, made.next_at) == ("90 minutes", start)
    assert (changed.schedule.timing.text, changed.schedule.start_at) == ("0 2 * * *", None)
    assert changed.schedule.queue == "other"
    assert not schedules.disable("greet").enabled
    assert schedules.enable("greet").enabled
    assert [one.schedule_id for one in schedules.list()] == ["greet"]
    assert [*schedules.history("greet")] == []
    schedules.delete("greet")
    assert [*schedules.list()] == []


def test_a_schedule_runs_now_also_on_a_queue_that_no_pipeline_has(client):
    client.schedules.create("now", task="client_handlers.greet", every="1 day", queue="of-its-own")

    run = client.schedules.run("now")

    assert run.wait(PATIENCE) == "success"
    assert run.results == {"greet": "hello en"}
    assert run.document()["trigger"] == "schedule:now"
    assert client.schedules.get("now").last_run == run.id
    client.schedules.delete("now")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"task": "client_handlers.great", "every": "1 day"}, "did you mean `client_handlers.greet`?"),
        ({"task": "client_handlers.greet", "every": 5}, "every: 5 is no interval"),
        ({"task": "client_handlers.greet", "at": 5}, "at: 5 is no time"),
        ({"task": "client_handlers.greet", "every": timedelta(milliseconds=1)}, "too short"),
        ({"task": 5, "every": "1 day"}, "task: 5 is no text"),
        ({"task": "client_handlers.greet", "cron": 5}, "cron: 5 is no text"),
        ({"task": "client_handlers.greet", "every": "1 day", "timezone": 5}, "timezone: 5 is no text"),
        ({"task": "client_handlers.greet", "every": "1 day", "queue": 5}, "queue: 5 is no text"),
        ({"task": "client_handlers.greet", "every": "1 day", "enabled": "no"}, "neither True nor False"),
        ({"task": "client_handlers.greet", "every": "1 day", "enabled": 0}, "neither True nor False"),
        ({"task": "client_handlers.greet", "every": "1 day", "enabled": None}, "neither True nor False"),
    ],
)
def test_a_schedule_that_cannot_be_says_what_to_do(client, words, reason):
    with pytest.raises(InvalidSchedule) as caught:
        client.schedules.create("bad", **words)

    assert reason in str(caught.value)


def test_an_id_that_is_no_text_is_no_id(client):
    with pytest.raises(InvalidSchedule, match="id: 5 is no text"):
        client.schedules.create(5, task="client_handlers.greet", every="1 day")


@pytest.mark.parametrize("limit", [-1, True, "5"])
def test_a_limit_is_a_number_from_nothing_up(client, limit):
    schedules = client.schedules

    for ask in (schedules.list, lambda **how: schedules.history("any", **how)):
        with pytest.raises(InvalidInput, match=f"limit: {limit!r} is no number from 0"):
            ask(limit=limit)


def test_a_preview_from_before_the_calendar_is_refused(client):
    with pytest.raises(InvalidSchedule, match="after: 0001-01-01 00:00:00 is beyond the calendar"):
        client.schedules.preview("30 2 * * *", timezone="Asia/Tokyo", after=datetime.min)  # noqa: DTZ901 - so


def test_a_preview_needs_no_schedule(client):
    after = datetime(2026, 10, 24, tzinfo=UTC)

    first, second = client.schedules.preview("30 2 * * *", timezone="Europe/Berlin", count=2, after=after)

    assert first.due_at == datetime(2026, 10, 24, 0, 30, tzinfo=UTC)
    assert second.note == "02:30 comes twice: clocks go back. Runs the first time."


def test_a_program_that_closes_nothing_ends_and_leaves_no_word(tmp_path):
    write_application(tmp_path, "client_careless")

    printed = in_a_process(
        tmp_path,
        """
        import json, pypeline
        run = pypeline.Client().invoke("squares")
        run.wait(30)
        print(json.dumps(run.results))
        """,
    )

    assert json.loads(printed) == {"total": {"total": 5, "lang": "en"}}


def test_a_child_that_was_forked_off_has_a_worker_of_its_own(tmp_path):
    write_application(tmp_path, "client_forking")

    printed = in_a_process(
        tmp_path,
        """
        import os, sys, warnings, pypeline
        warnings.simplefilter("ignore", DeprecationWarning)  # threads live here: that is the point
        client = pypeline.Client()
        client.invoke("squares").wait(30)
        child = os.fork()
        if not child:
            print(client.invoke("squares").wait(30), flush=True)
            sys.exit()
        os.waitpid(child, 0)
        print(client.invoke("squares").wait(30))
        client.close()
        """,
    )

    assert printed.split() == ["success", "success"]


def test_waiting_for_a_run_whose_process_is_gone_ends_with_what_to_do(tmp_path):
    write_application(tmp_path, "client_leaving")
    run_id = in_a_process(
        tmp_path,
        """
        import os, pathlib, time, pypeline
        begun, go = pathlib.Path("begun").absolute(), pathlib.Path("go").absolute()
        run = pypeline.Client().invoke("waits", {"begun": str(begun), "go": str(go)})
        while not begun.exists():
            time.sleep(0.02)
        print(run.id, flush=True)
        os._exit(0)
        """,
    ).strip()
    settings = Settings.load(
        {"PYPELINE_DATABASE_URL": f"sqlite:///{tmp_path / 'pypeline.db'}"}, folder=tmp_path
    )

    with pypeline.Client(settings) as client:
        run = client.run(run_id)
        with pytest.raises(NotPossible, match="`retry` takes it over"):
            run.wait()
        (tmp_path / "go").touch()
        run.retry()
        assert run.wait(PATIENCE) == "success"
