"""Publishing through RabbitMQ and PostgreSQL: from handlers on real pools, and from scripts."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from kombu import Connection

from celery_fakes import wait_until
from cli_stage import RABBITMQ, Stage, require_broker
from pypeline import bootstrap
from pypeline.config import Settings, load_config
from services import free_port

if TYPE_CHECKING:
    from pypeline.bootstrap import System

TASKS = """
import json, os, pathlib, threading, time
import pypeline

HERE = pathlib.Path(__file__).parent

def note(name, **what):
    with open(HERE / name, "a") as file:
        file.write(json.dumps(what) + "\\n")

class Client:
    def __init__(self):
        note("made", pid=os.getpid())

    def close(self):
        note("closed", pid=os.getpid())

def no_route():
    raise ConnectionError("no route to the warehouse")

def uses(event, tools):
    tools.client
    time.sleep(0.05)
    return os.getpid()

def breaks(event, tools):
    return tools.broken

def work(event):
    note("work", **{key: event.get(key) for key in ("n", "tasks", "lang", "node")})
    return event.get("n")

def publishes(event, tools):
    return [
        tools.publish("publishing_tasks.work", {"n": "tool"}),
        pypeline.publish("publishing_tasks.work", {"n": "door"}),
        *tools.publish_in_batches("publishing_tasks.work", [1, 2, 3], event["queue"], max_per_task=2),
    ]

def publishes_bare(event, tools):
    tools.publish("publishing_tasks.publishes_once_more", {}, track=False)
    tools.publish("publishing_tasks.work", {"n": "bare", "lang": "de"}, track=False)

def publishes_once_more(event, tools):
    tools.publish_in_batches("publishing_tasks.work", ["a"], event.get("queue"), track=False)

def hangs(event):
    time.sleep(60)

def counts(event, tools):
    for done in range(1, 5000):
        tools.progress(done, 5000)
    while not (HERE / "go").exists():
        time.sleep(0.02)
    tools.progress(5000, 5000)
"""
NAMES = ("uses", "breaks", "publishes", "publishes_bare", "publishes_once_more", "hangs", "counts")
CONFIG = (
    """
tools: {client: publishing_tasks.Client, broken: publishing_tasks.no_route}
serviceConfig:
  - name: all
    registeredTasks:
      - {handler: publishing_tasks.work, event: {lang: en}}
"""
    + "".join(f"      - {{handler: publishing_tasks.{name}}}\n" for name in NAMES)
    + "pipelines:\n"
    + "".join(
        f"""  {name}:
    config:
      metadata: {{queue: QUEUE, maxRetry: 0}}
      dagAdjacency: {{{name}: []}}
      taskDefinitions: {{{name}: {{handler: publishing_tasks.{name}}}}}
"""
        for name in NAMES
    )
)
POOLS = {"prefork": ("-c", "2"), "threads": ("--pool", "threads", "-c", "4")}


def named(*options):
    """The options of a worker with a name of its own: two of one name refuse each other's control queue."""
    return (*options, "-n", f"{uuid.uuid4().hex[:8]}@%h")


class Place(Stage):
    """A stage whose runs are started and looked at from here too: a command takes a second to begin."""

    system: System
    pool: str

    def run(self, pipeline, **payload):
        """The document of a run of this pipeline, once it has ended."""
        return self.ended(self.system.application.invoke(pipeline, payload, trigger="python"))

    def ended(self, run_id):
        assert self.system.application.wait(run_id, timeout=60).is_terminal
        return self.system.application.document(run_id)

    def notes(self, name):
        """What the handlers wrote down under this name."""
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def script(self, text, **changes):
        """What a program of the user's prints, as JSON."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", text],
            cwd=self.folder,
            env=self._changed(changes),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@contextmanager
def stage_in(folder, database):
    place = Place(folder, require_broker(RABBITMQ), database)
    (folder / "publishing_tasks.py").write_text(TASKS)
    (folder / "sermos.yaml").write_text(CONFIG.replace("QUEUE", place.queue))
    settings = Settings.load(place.variables, folder=folder)
    bootstrap.upgrade_database(settings)
    config = load_config(folder / "sermos.yaml", env=settings.environment)
    with bootstrap.build(settings, config) as place.system:
        yield place
    place.forget()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_url):
    """Without a worker."""
    with stage_in(tmp_path_factory.mktemp("published"), postgres_url) as found:
        yield found


@pytest.fixture(scope="module", params=POOLS)
def served(request, tmp_path_factory, postgres_url):
    """With a worker of one kind."""
    with (
        stage_in(tmp_path_factory.mktemp("served"), postgres_url) as found,
        found.worker(*named(*POOLS[request.param])),
    ):
        found.pool = request.param
        yield found


def test_what_a_handler_publishes_are_runs_that_the_workers_do(served):
    run = served.run("publishes", queue=served.queue)
    published = [served.ended(run_id) for run_id in run["nodes"][0]["result"]]

    assert [(one["pipeline_id"], one["state"], one["trigger"]) for one in published] == [
        ("publishing_tasks.work", "success", "publish")
    ] * 4
    assert [one["payload"] for one in published] == [
        {"n": "tool"},
        {"n": "door"},
        {"tasks": [1, 2]},
        {"tasks": [3]},
    ]
    assert [one["nodes"][0]["queue"] for one in published] == [f"{served.queue}-default"] * 2 + [
        served.queue
    ] * 2
    assert {(one["lang"], one["node"]) for one in served.notes("work")} == {("en", "work")}


def test_what_is_not_tracked_is_done_with_its_defaults_and_leaves_no_run(served):
    before = len(served.system.application.runs())
    assert served.run("publishes_bare")["state"] == "success"

    def bare():
        return [note for note in served.notes("work") if note["node"] is None]

    wait_until(lambda: len(bare()) == 2, timeout=30)
    assert {(note["n"], str(note["tasks"]), note["lang"]) for note in bare()} == {
        ("bare", "None", "de"),
        (None, "['a']", "en"),
    }
    assert len(served.system.application.runs()) == before + 1


def test_a_factory_that_fails_fails_the_attempt_with_the_tools_name(served):
    node = served.run("breaks")["nodes"][0]

    assert (node["state"], node["error"]["type"]) == ("failed", "ToolUnavailable")
    assert node["error"]["message"] == (
        "tool 'broken': its factory publishing_tasks.no_route failed: "
        "ConnectionError: no route to the warehouse"
    )


def test_progress_is_seen_while_the_handler_runs_and_its_last_word_stays(served):
    run_id = served.system.application.invoke("counts", {}, trigger="python")

    def progress():
        return served.system.application.document(run_id)["nodes"][0]["progress"]

    wait_until(lambda: progress() is not None and progress()["done"] == 4999, timeout=30)
    assert served.json("show", run_id)["nodes"][0]["progress"] == {"done": 4999, "total": 5000}
    assert "4,999 of 5,000" in served.call("show", run_id).stdout
    with served.started("show", run_id, "--watch") as watching:
        seen = ""
        while "counts 4,999 of 5,000" not in seen:
            line = watching.stderr.readline()
            assert line, seen
            seen += line
        (served.folder / "go").touch()
        assert watching.wait(30) == 0
    assert progress() == {"done": 5000, "total": 5000}
    (served.folder / "go").unlink()


def test_the_limit_of_an_untracked_task_is_enforced_on_prefork(served):
    if served.pool != "prefork":
        pytest.skip("Celery's limits hold on prefork only")
    served.script(
        "import pypeline; print('[\"%s\"]' % pypeline.publish("
        "'publishing_tasks.hangs', {}, max_ttl=0.5, track=False))",
    )

    wait_until(lambda: "SoftTimeLimitExceeded" in (served.folder / "worker.log").read_text(), timeout=30)


@pytest.mark.parametrize("pool", POOLS)
def test_a_tool_is_made_once_a_process_and_closed_when_the_worker_ends(tmp_path, postgres_url, pool):
    with stage_in(tmp_path, postgres_url) as stage:
        with stage.worker(*named(*POOLS[pool])) as worker:
            runs = stage.script(
                "import json, pypeline\n"
                "print(json.dumps([pypeline.publish('publishing_tasks.uses', {}) for _ in range(12)]))",
            )
            pids = {stage.ended(run_id)["nodes"][0]["result"] for run_id in runs}
            made = [note["pid"] for note in stage.notes("made")]
            assert stage.notes("closed") == []
        closed = [note["pid"] for note in stage.notes("closed")]

    assert sorted(made) == sorted(pids) == sorted(closed)
    assert (worker.pid in pids) is (pool == "threads")


PUBLISHES_FROM_EVERYWHERE = """
import json, os, sys, threading
import pypeline

found = [pypeline.publish("publishing_tasks.work", {"n": 0})]
threads = [
    threading.Thread(target=lambda: found.append(pypeline.publish("publishing_tasks.work", {"n": 1})))
    for _ in range(8)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.write(writer, pypeline.publish("publishing_tasks.work", {"n": 2}).encode())
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
found.append(os.read(reader, 100).decode())
found += pypeline.publish_in_batches("publishing_tasks.work", range(10), None, max_per_task=1)
print(json.dumps(found))
"""


def test_threads_and_forked_children_of_a_script_publish(stage):
    runs = stage.script(PUBLISHES_FROM_EVERYWHERE)

    with stage.worker(*named("-c", "1")):
        states = {stage.ended(run_id)["state"] for run_id in runs}

    assert len(set(runs)) == 20
    assert states == {"success"}


PUBLISHES_BOTH = """
import json, pypeline
from pypeline.errors import NotPublished
run = pypeline.publish("publishing_tasks.work", {"n": 1})
try:
    pypeline.publish("publishing_tasks.work", {"n": 1}, track=False)
except NotPublished as error:
    print(json.dumps([run, str(error)]))
"""


def test_with_the_broker_away_what_is_tracked_waits_and_what_is_not_is_refused(stage):
    away = f"amqp://guest:guest@127.0.0.1:{free_port()}//"

    run_id, refused = stage.script(PUBLISHES_BOTH, PYPELINE_BROKER_URL=away)

    assert stage.json("show", run_id)["nodes"][0]["state"] == "queued"
    assert refused.startswith("the broker took no task: ")
    assert refused.endswith("again once it answers")


PUBLISHES_TWICE = """
import json, sys, pypeline
from kombu import Connection
def publish():
    return pypeline.publish("publishing_tasks.work", {"n": 1}, queue=sys.argv[1], track=False)
found = [publish()]
with Connection(sys.argv[2]) as connection:
    connection.default_channel.queue_delete(sys.argv[1])
print(json.dumps([*found, publish()]))
"""


def test_a_queue_that_was_deleted_meanwhile_swallows_nothing(stage):
    arguments = f"import sys; sys.argv = ['', {stage.queue!r}, {RABBITMQ!r}]\n"

    ids = stage.script(arguments + PUBLISHES_TWICE)

    with Connection(RABBITMQ) as connection:
        message = connection.default_channel.basic_get(stage.queue, no_ack=True)
    assert message.headers["id"] == ids[1]


NO_BROKER = """
import json, pypeline
try:
    pypeline.publish("publishing_tasks.work", {"n": 1})
except pypeline.PypelineError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def test_without_a_broker_a_script_is_told_what_to_set(stage):
    kind, said = stage.script(NO_BROKER, PYPELINE_BROKER_URL=None, PYPELINE_DATABASE_URL=None)

    assert kind == "InvalidSetting"
    assert said.startswith("PYPELINE_BROKER_URL: is not set, and a published task needs a worker")
    assert "pypeline.Client" in said
