from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import yaml

from pypeline.config import (
    Config,
    importable,
    json_schema,
    load_config,
    plan_from_document,
    validate_payload,
)
from pypeline.errors import InvalidConfiguration, InvalidPayload, InvalidSetting, UnknownPipeline
from pypeline.runs.retries import RetryPolicy
from pypeline.runs.rules import TriggerRule

if TYPE_CHECKING:
    from pathlib import Path

DEMO = """\
serviceConfig:
  - name: demo-worker
    registeredTasks:
      - handler: demo.tasks.extract
        event: {lang: "${DEMO_LANG:en}", level: "${LEVEL:3}"}
      - handler: demo.tasks.count
  - name: other
    registeredTasks:
      - handler: demo.tasks.extract
        event: {more: true}
      - {handler: demo.tasks.count, event: null}
tools:
  warehouse: demo.clients.make_warehouse
pipelines:
  demo:
    config:
      metadata:
        queue: ${QUEUE:work}
        maxRetry: ${RETRY:null}
        maxTtl: ${TTL:60}
        deadline: 3600
        maxConcurrency: 50
      dagAdjacency:
        extract: [clean, count]
        clean: [report]
        count: [report]
      taskDefinitions:
        extract: {handler: demo.tasks.extract}
        clean: {handler: demo.tasks.count, queue: "slow-${QUEUE:work}", maxTtl: null, maxRetry: 0}
        count:
          {handler: demo.tasks.count, forEach: extract, batchSize: 20, maxConcurrency: 8, retryJitter: on}
        report: {handler: demo.tasks.count, triggerRule: all_done, retryBackoff: 0.5, retryBackoffMax: 9}
scheduledTasks:
  nightly:
    config:
      scheduleType: crontab
      pipeline: demo
      payload: {day: "${DAY:7}"}
      timezone: Europe/Berlin
      startAt: 2026-01-01T00:00
      expires: 60
      schedule: {minute: 0, hour: '2'}
"""


def _load(folder: Path, text: str, **env: str) -> Config:
    return load_config(_write(folder, text), env=env)


def _write(folder: Path, text: str) -> Path:
    file = folder / "sermos.yaml"
    file.write_text(text)
    return file


def test_a_pipeline_becomes_a_plan(tmp_path):
    plan = _load(tmp_path, DEMO).plan("demo")

    assert plan.dag.names == ("extract", "clean", "count", "report")
    assert (plan.deadline, plan.max_concurrency) == (3600, 50)
    extract, clean, count, report = plan.steps
    assert (extract.queue, extract.max_ttl, extract.retry) == ("work", 60, RetryPolicy(max_retry=None))
    assert (clean.queue, clean.max_ttl, clean.retry.max_retry) == ("slow-work", None, 0)
    assert (count.for_each, count.batch_size, count.window) == (0, 20, 8)
    assert count.retry.jitter
    assert report.rule is TriggerRule.ALL_DONE
    assert (report.retry.backoff, report.retry.backoff_max) == (0.5, 9)


def test_a_plan_is_compiled_once(tmp_path):
    config = _load(tmp_path, DEMO)

    assert config.plan("demo") is config.plan("demo")


def test_a_stored_definition_gives_the_same_plan_and_keeps_no_secret(tmp_path):
    plan = _load(tmp_path, DEMO, QUEUE="s3cret").plan("demo")

    stored = json.loads(json.dumps(plan.document))

    assert plan_from_document("demo", stored, env={"QUEUE": "s3cret"}) == plan
    assert "s3cret" not in json.dumps(stored)
    assert plan.steps[0].queue == "s3cret"


def test_a_stored_definition_that_this_environment_cannot_use_is_refused(tmp_path):
    stored = _load(tmp_path, DEMO.replace("${QUEUE:work}", "${QUEUE}"), QUEUE="q").plan("demo").document

    with pytest.raises(
        InvalidConfiguration, match=r"definition of demo:1:1: .*queue: `\$\{QUEUE\}` has no value"
    ):
        plan_from_document("demo", stored, env={})


def test_without_an_environment_that_of_the_process_fills_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUEUE", "mine")
    (tmp_path / "sermos.yaml").write_text(DEMO)

    plan = load_config("sermos.yaml").plan("demo")

    assert plan.steps[0].queue == "mine"
    assert plan_from_document("demo", plan.document).steps[0].queue == "mine"


def test_the_order_of_the_graph_is_part_of_a_definition_and_that_of_options_is_not(tmp_path):
    plan = _load(tmp_path, DEMO).plan("demo")
    moved = DEMO.replace(
        "        clean: [report]\n        count: [report]", "        count: [report]\n        clean: [report]"
    )
    options = DEMO.replace(
        "triggerRule: all_done, retryBackoff: 0.5", "retryBackoff: 0.5, triggerRule: all_done"
    )

    assert _load(tmp_path, moved).plan("demo").definition_id != plan.definition_id
    assert _load(tmp_path, options).plan("demo").definition_id == plan.definition_id
    assert plan_from_document("other", plan.document, env={}).definition_id != plan.definition_id


def test_an_unknown_pipeline_tells_which_there_are(tmp_path):
    config = _load(tmp_path, DEMO)

    with pytest.raises(UnknownPipeline, match="demo"):
        config.plan("dmeo")


def test_handlers_are_those_of_one_service_or_of_all(tmp_path):
    config = _load(tmp_path, DEMO)

    assert config.handlers("demo-worker") == {
        "demo.tasks.extract": {"lang": "en", "level": 3},
        "demo.tasks.count": {},
    }
    assert config.handlers(None)["demo.tasks.extract"] == {"lang": "en", "level": 3, "more": True}
    assert config.tools == {"warehouse": "demo.clients.make_warehouse"}


def test_an_unknown_service_is_a_bad_setting(tmp_path):
    with pytest.raises(InvalidSetting, match="no service 'nobody'; the file has: demo-worker, other"):
        _load(tmp_path, DEMO).handlers("nobody")


QUEUES = """\
serviceConfig:
  - name: light
    registeredTasks: [{handler: m.f}, {handler: m.h}]
  - name: heavy
    registeredTasks: [{handler: m.g}]
  - name: idle
pipelines:
  p:
    config:
      metadata: {queue: q}
      dagAdjacency: {a: [b]}
      taskDefinitions: {a: {handler: m.f}, b: {handler: m.g, queue: big}}
scheduledTasks:
  s: {config: {scheduleType: once, task: m.h, queue: nightly, at: 2026-05-01T08:00}}
  t: {config: {scheduleType: once, task: m.h, at: 2026-05-01T08:00}}
"""


@pytest.mark.parametrize(
    ("service", "queues"),
    [
        ("light", ("nightly", "other", "q")),
        ("heavy", ("big",)),
        ("idle", ()),
        (None, ("big", "nightly", "other", "q")),
    ],
)
def test_a_service_reads_the_queues_that_its_handlers_are_sent_to(tmp_path, service, queues):
    assert _load(tmp_path, QUEUES).queues(service, "other") == queues


def test_a_service_reads_the_default_queue_unless_it_lacks_a_handler_there(tmp_path):
    config = _load(tmp_path, QUEUES)

    assert config.queues("heavy", "nobody's") == ("big",)
    assert config.queues("light", "big") == ("big", "nightly", "q")


def test_a_schedule_is_read_with_its_types(tmp_path):
    config = _load(tmp_path, DEMO).scheduled_tasks["nightly"].config

    assert config.start_at == datetime(2026, 1, 1)  # noqa: DTZ001 - local to the schedule's zone
    assert config.payload == {"day": 7}
    assert (config.schedule.minute, config.schedule.hour, config.schedule.day_of_week) == ("0", "2", "*")
    assert config.expires == 60


MINIMAL = """\
pipelines:
  p:
    config:
      metadata: {queue: q}
      dagAdjacency: {a: [b], b: }
      taskDefinitions: {a: {handler: m.f}, b: {handler: m.g}}
scheduledTasks:
  s: {config: {scheduleType: once, task: m.h, at: 2026-05-01T08:00}}
  t: {config: {scheduleType: once, pipeline: p, at: 2026-05-01T08:00}}
"""


def test_without_services_the_handlers_of_the_file_are_registered(tmp_path):
    assert _load(tmp_path, MINIMAL).handlers(None) == {"m.f": {}, "m.g": {}, "m.h": {}}


@pytest.mark.parametrize("text", ["pipelines:", "serviceConfig:\ntools:\nscheduledTasks:\npipelines: {}"])
def test_empty_sections_are_allowed(tmp_path, text):
    assert dict(_load(tmp_path, text).pipelines) == {}


SERMOS = """\
imageConfig:
  - name: base-image
    installCommand: shop[core]
environmentVariables:
  - {name: GLOBAL, value: "${NOT_SET_ANYWHERE}"}
serviceConfig:
  - name: demo-api
    serviceType: external
    serviceId: ${SERVICE_ID_API}
    imageName: base-image
    command: gunicorn -b 0.0.0.0:5000 shop.app:create_app()
    port: 5000
  - name: sermos-worker
    serviceType: celery-worker
    imageName: base-image
    queue: default-task-queue
    command: celery -A shop.celery worker
    registeredTasks:
      - handler: shop.workers.node_a
      - handler: shop.workers.model_task
pipelines:
  demo-pipeline:
    name: demo-pipeline
    description: Demo Pipeline.
    schemaVersion: 1
    config:
      dagAdjacency:
        node_a:
          - node_b
      metadata:
        maxRetry: "3"
        maxTtl: 60
        queue: default-task-queue
        groupName: images
      taskDefinitions:
        node_a: {handler: shop.workers.node_a, serverType: m}
        node_b: {handler: shop.workers.model_task, queue: node-b-queue}
scheduledTasks:
  demo-model-task:
    name: Demo Model Task
    enabled: true
    schemaVersion: 1
    lastRunAt: null
    totalRunCount: 0
    config:
      scheduleType: interval
      task: shop.workers.model_task
      queue: default-task-queue
      exchange: tasks
      routingKey: task.default
      expires: 60
      schedule: {every: 60, period: seconds}
"""


def test_a_file_for_sermos_loads_with_one_warning(tmp_path):
    config = _load(tmp_path, SERMOS)

    (warning,) = config.warnings
    assert (warning.line, warning.column) == (1, 1)
    for key in ("environmentVariables", "serviceType", "queue", "serviceConfig[0] (no registeredTasks)"):
        assert key in warning.problem
    assert config.plan("demo-pipeline").steps[0].retry.max_retry == 3
    assert config.scheduled_tasks["demo-model-task"].config.expires == 60
    assert list(config.handlers(None)) == ["shop.workers.node_a", "shop.workers.model_task"]


def test_an_older_key_beside_a_fault_is_no_fault(tmp_path):
    with pytest.raises(InvalidConfiguration) as caught:
        _load(tmp_path, SERMOS.replace("maxTtl: 60", "maxTtl: soon"))

    assert [one.path for one in caught.value.findings] == ["pipelines.demo-pipeline.config.metadata.maxTtl"]


def test_the_folder_of_a_file_in_a_package_is_the_one_above(tmp_path):
    inside = tmp_path / "shop" / "conf"
    inside.mkdir(parents=True)

    assert _load(inside, "pipelines:").folder == inside
    assert _load(inside, "pipelines:", SERMOS_CLIENT_PKG_NAME="shop").folder == tmp_path
    assert _load(inside, "pipelines:", SERMOS_CLIENT_PKG_NAME="elsewhere").folder == inside
    (inside / "__init__.py").touch()
    (tmp_path / "shop" / "__init__.py").touch()
    assert _load(inside, "pipelines:").folder == tmp_path


VERSION_2 = """\
pipelines:
  p:
    schemaVersion: 2
    config:
      metadata: {queue: q}
      dagAdjacency: {a: []}
      taskDefinitions: {a: {handlers: [m.f, m.g]}}
      settings:
        required: [name, limit]
        properties:
          name: {dataType: string, inputType: text, label: Name}
          limit: {dataType: int, minimum: 1, maximum: "${MOST:10}"}
          share: {dataType: float, default: 0.5}
          strict: {dataType: boolean}
          colour: {dataType: string, options: [red, {label: Green, value: green}]}
          since: {dataType: datetime}
          day: {dataType: date}
          tags: {dataType: array, elementType: string, options: [a, b]}
          extra: {dataType: object, properties: {depth: {dataType: int, maximum: 3}}}
          nothing: {dataType: string, default: null}
"""


def test_version_2_has_several_handlers(tmp_path):
    assert _load(tmp_path, VERSION_2).plan("p").steps[0].handlers == ("m.f", "m.g")


def test_a_payload_gets_its_defaults(tmp_path):
    config = _load(tmp_path, VERSION_2)
    payload = {"name": "n", "limit": 10, "since": "2026-01-01T00:00:00Z", "day": "2026-01-01", "other": [1]}
    payload |= {"strict": True, "colour": "green", "tags": ["a"], "extra": {"depth": 3}}

    filled = {**payload, "share": 0.5, "nothing": None}

    assert config.checked_payload("p", payload) == filled
    assert validate_payload(config.plan("p"), payload) == filled


def test_every_problem_of_a_payload_is_named(tmp_path):
    payload = {"limit": 11, "share": True, "strict": "yes", "colour": "blue", "since": "soon", "day": 3}
    payload |= {"tags": [1, "b"], "extra": {"depth": 4}}

    with pytest.raises(InvalidPayload) as caught:
        _load(tmp_path, VERSION_2).checked_payload("p", payload)

    for words in (
        "`name` is missing",
        "`limit` is above 10",
        "`share` is not of type float",
        "`strict` is not of type boolean",
        "`colour` is not one of red, green",
        "`since` is not of type datetime",
        "`day` is not of type date",
        "`tags[0]` is not of type string",
        "`extra.depth` is above 3",
    ):
        assert words in str(caught.value)


def test_a_number_below_its_minimum_is_refused(tmp_path):
    with pytest.raises(InvalidPayload, match="`limit` is below 1"):
        _load(tmp_path, VERSION_2).checked_payload("p", {"name": "n", "limit": 0})


@pytest.mark.parametrize("payload", [[], "text", None, {1: 2}])
def test_a_payload_is_an_object(tmp_path, payload):
    with pytest.raises(InvalidPayload, match="no JSON object"):
        _load(tmp_path, MINIMAL).checked_payload("p", payload)


def test_without_settings_any_object_passes(tmp_path):
    assert _load(tmp_path, MINIMAL).checked_payload("p", {"x": 1}) == {"x": 1}


TASKS = """\
def first(event): ...
def second(event, tools, first, other=None): ...
def third(event, nobody, second): ...
def fourth(): ...
class Tool:
    def make(self): ...
"""

CHECKED = """\
serviceConfig:
  - name: w
    registeredTasks:
      - handler: checked_shop.first
      - handler: checked_shop.second
      - handler: checked_shop.third
      - handler: checked_shop.fourth
      - handler: checked_shop.fith
tools: {db: checked_shop.nothing, made: checked_shop.Tool, method: checked_shop.Tool.make}
pipelines:
  p:
    schemaVersion: 2
    config:
      metadata: {queue: q}
      dagAdjacency: {first: [second], second: [third]}
      taskDefinitions:
        first: {handler: checked_shop.first}
        second: {handler: checked_shop.second}
        third: {handlers: [checked_shop.first, checked_shop.third]}
scheduledTasks:
  s: {config: {scheduleType: once, task: checked_shop.fourth, queue: z, at: 2026-05-01T08:00}}
  t: {config: {scheduleType: once, pipeline: p, at: 2026-05-01T08:00}}
"""


@pytest.fixture
def checked_shop(tmp_path):
    (tmp_path / "checked_shop.py").write_text(TASKS)
    yield tmp_path
    sys.modules.pop("checked_shop", None)


def _handler_findings(folder, text):
    with pytest.raises(InvalidConfiguration) as caught:
        load_config(_write(folder, text), env={}, import_handlers=True)
    return caught.value.findings


def test_handlers_are_imported_only_when_they_are_checked(checked_shop):
    _load(checked_shop, CHECKED)

    instance = "is a method of an instance: write a function that makes the instance and calls it"
    unusable, write, hint = "cannot be used:", "write `def handler(event)`", "did you mean `first`?"
    known = "the predecessors"

    assert "checked_shop" not in sys.modules
    assert [(one.line, one.problem) for one in _handler_findings(checked_shop, CHECKED)] == [
        (7, f"the handler `checked_shop.fourth` {unusable} takes no positional argument: {write}"),
        (8, f"the handler `checked_shop.fith` {unusable} module checked_shop has no `fith`, {hint}"),
        (9, f"the factory `checked_shop.nothing` {unusable} module checked_shop has no `nothing`"),
        (9, f"the factory `checked_shop.Tool.make` {unusable} {instance}"),
        (19, f"the handler `checked_shop.third` asks for `nobody`, but {known} of `third` are: second"),
    ]
    assert str(checked_shop) not in sys.path


def test_handlers_without_services_are_checked_where_they_are_used(checked_shop):
    text = MINIMAL.replace("m.f", "checked_shop.second").replace("m.", "checked_shop.")

    lines = [one.line for one in _handler_findings(checked_shop, text)]

    assert lines == [6, 6, 8]


def test_faults_of_the_file_do_not_hide_those_of_its_handlers(checked_shop):
    text = CHECKED.replace("scheduleType: once, task", "scheduleType: twice, task")

    problems = [one.problem for one in _handler_findings(checked_shop, text)]

    assert any("`twice`" in problem for problem in problems)
    assert sum("cannot be used" in problem for problem in problems) == 4


def test_a_module_may_change_the_path_while_it_is_used(tmp_path):
    with importable(tmp_path):
        sys.path.remove(str(tmp_path))

    assert str(tmp_path) not in sys.path


def test_the_schema_describes_every_key():
    definitions = json_schema()["$defs"]

    for name, definition in definitions.items():
        for key, described in definition.get("properties", {}).items():
            plain = "$ref" in described or "const" in described
            assert "description" in described or plain, (name, key)
    assert "${VAR}" in json_schema()["description"]


def test_the_schema_lets_numbers_be_variables_and_knows_older_keys():
    metadata = json_schema()["$defs"]["Metadata"]

    patterns = [one.get("pattern", "") for one in metadata["properties"]["maxRetry"]["anyOf"][0]["anyOf"]]

    assert any("{" in pattern for pattern in patterns)
    assert any("groupName" in pattern for pattern in metadata["patternProperties"])
    assert yaml.safe_load(json.dumps(json_schema())) == json_schema()
