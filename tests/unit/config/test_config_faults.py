from __future__ import annotations

import copy

import pytest
import yaml

from pypeline.config import load_config
from pypeline.errors import ConfigurationNotFound, InvalidConfiguration

SIXTEEN = """\
serviceConfig:
  - name: demo worker
    registeredTasks:
      - handler: demo.tasks.extract
      - handler: demo.tasks.clean
      - handler: demo.tasks.report
pipelines:
  demo:
    schemaVersion: 1
    config:
      metadata:
        maxRetries: 3
        maxTtl: soon
      dagAdjacency:
        extract: [clean, count]
        clean: [report, clean]
        report: [extract]
      taskDefinitions:
        extract: {handler: demo.tasks.extract, queue: "${NOT_SET_ANYWHERE}"}
        clean: {handler: demo.tasks.clean}
        report:
          handler: demo.tasks.reprot
          triggerRule: always
          forEach: extract
        orphan: {handler: demo.tasks.clean, maxTtl: 5, maxTtl: 6}
scheduledTasks:
  nightly:
    config:
      scheduleType: crontab
      pipeline: dmeo
      timezone: Europe/Brlin
      schedule: {hour: '25'}
"""


def _findings(tmp_path, text: str, env=None):
    file = tmp_path / "sermos.yaml"
    file.write_text(text)
    with pytest.raises(InvalidConfiguration) as caught:
        load_config(file, env=env or {})
    assert str(caught.value) == "\n".join(str(one) for one in caught.value.findings)
    return caught.value.findings


def test_a_file_of_sixteen_faults_tells_each_at_its_line(tmp_path):
    found = [(one.line, one.path.split(".")[-1], one.problem) for one in _findings(tmp_path, SIXTEEN)]

    assert [(line, name) for line, name, _ in found] == [
        (2, "name"),
        (11, "queue"),
        (12, "maxRetries"),
        (13, "maxTtl"),
        (15, "extract[1]"),
        (16, "clean[1]"),
        (17, "report[0]"),
        (19, "queue"),
        (22, "handler"),
        (23, "triggerRule"),
        (24, "forEach"),
        (25, "orphan"),
        (25, "maxTtl"),
        (30, "pipeline"),
        (31, "timezone"),
        (32, "hour"),
    ]
    assert "extract -> clean -> report -> extract" in found[6][2]
    assert "clean -> clean" in found[5][2]


_GOOD = {
    "serviceConfig": [{"name": "w", "registeredTasks": [{"handler": "m.f"}, {"handler": "m.g"}]}],
    "tools": {"db": "m.make"},
    "pipelines": {
        "p": {
            "name": "p",
            "schemaVersion": 1,
            "config": {
                "metadata": {"queue": "q"},
                "dagAdjacency": {"a": ["b"]},
                "taskDefinitions": {"a": {"handler": "m.f"}, "b": {"handler": "m.g"}},
            },
        }
    },
    "scheduledTasks": {
        "s": {
            "name": "s",
            "enabled": True,
            "schemaVersion": 1,
            "config": {
                "scheduleType": "interval",
                "task": "m.f",
                "queue": "q",
                "schedule": {"every": 30, "period": "seconds"},
            },
        }
    },
}
_CONFIG = "pipelines.p.config"
_A = f"{_CONFIG}.taskDefinitions.a"
_SCHEDULE = "scheduledTasks.s.config"
_REMOVED = object()


def _changed(path: str, value):
    data = copy.deepcopy(_GOOD)
    *inner, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = data
    for step in inner:
        place = place[step]
    if value is _REMOVED:
        del place[last]
    else:
        place[last] = value
    return yaml.safe_dump(data, sort_keys=False)


def test_the_file_that_the_next_test_breaks_is_good(tmp_path):
    (tmp_path / "sermos.yaml").write_text(yaml.safe_dump(_GOOD))

    assert load_config(tmp_path / "sermos.yaml", env={}).warnings == ()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{_CONFIG}.metadata.queue", _REMOVED, "metadata.queue: is missing, add it"),
        (f"{_CONFIG}.metadata.queue", "", "metadata.queue: is empty"),
        (f"{_CONFIG}.metadata.queue", 7, "should be text but is `7`, quote it"),
        (f"{_CONFIG}.metadata.queue", [], "should be text but is a list, write text"),
        (f"{_CONFIG}.metadata", {"qeue": "q"}, "unknown key, did you mean `queue`?"),
        (f"{_CONFIG}.metadata.zzz", 1, "unknown key, remove it; known here:"),
        (f"{_CONFIG}.metadata.maxRetry", -1, "is `-1`, it must be at least 0"),
        (f"{_CONFIG}.metadata.maxRetry", 1.5, "should be a whole number but is `1.5`"),
        (f"{_CONFIG}.metadata.maxRetry", True, "is a boolean, write a number"),
        (f"{_CONFIG}.metadata.maxTtl", 0, "must be above 0"),
        (f"{_CONFIG}.metadata.maxTtl", "x" * 100, "is `" + "x" * 60 + "…`"),
        (f"{_CONFIG}.metadata.retryJitter", "perhaps", "should be true or false but is `perhaps`"),
        (f"{_CONFIG}.metadata.retryBackoff", None, "should be a number but is empty"),
        (f"{_CONFIG}.metadata", "q", "should be a mapping but is `q`"),
        (f"{_CONFIG}.dagAdjacency", ["a"], "should be a mapping but is a list"),
        (f"{_CONFIG}.dagAdjacency.a", "b", "should be a list but is `b`, write [b]"),
        (f"{_CONFIG}.dagAdjacency.a", {"b": 1}, "should be a list but is a mapping, write a list"),
        (f"{_CONFIG}.dagAdjacency.a", [True, "b"], "dagAdjacency.a[0]: should be text but is a boolean"),
        (f"{_CONFIG}.dagAdjacency.a", ["c"], "the node `c` has no definition"),
        (f"{_CONFIG}.dagAdjacency.c", [], "the node `c` has no definition"),
        (f"{_CONFIG}.dagAdjacency", {}, "has no nodes"),
        (f"{_CONFIG}.dagAdjacency.b", ["a"], "a cycle: "),
        (f"{_CONFIG}.taskDefinitions.c", {"handler": "m.f"}, "`c` is no node of the graph"),
        (f"{_CONFIG}.taskDefinitions", [], "should be a mapping but is a list"),
        (f"{_CONFIG}.taskDefinitions.a b", {"handler": "m.f"}, "write a name of letters, digits"),
        (f"{_A}.handler", _REMOVED, "a.handler: is missing, name the function"),
        (f"{_A}.handler", "f", "`f` cannot be used, write a dotted path"),
        (f"{_A}.handler", "m.ff", "no service registers the handler `m.ff`, did you mean"),
        (f"{_A}.handler", "zzzz.yyyy", "add it to the registeredTasks of a service"),
        (f"{_A}", {"handlr": "m.f"}, "unknown key, did you mean `handler`?"),
        (f"{_A}", None, "should be a mapping but is empty"),
        (f"{_A}.handlers", ["m.f"], "stands beside `handler`, keep one"),
        (f"{_A}", {"handlers": ["m.f"]}, "needs schemaVersion 2"),
        (f"{_A}", {"handlers": []}, "is empty"),
        (f"{_CONFIG}.settings", {}, "settings: needs schemaVersion 2"),
        (f"{_A}.generator", {"type": "s3", "bucket": "b"}, "stands beside `handler`, keep one"),
        (f"{_A}", {"generator": {"type": "local", "rot": "/"}}, "unknown key, did you mean `root`?"),
        (f"{_A}", {"generator": {"type": "ftp"}}, "`ftp` is not allowed"),
        (f"{_A}", {"generator": {}}, "should be a mapping with a `type`"),
        (f"{_A}.triggerRule", "all_succes", "is not allowed, did you mean `all_success`?"),
        (f"{_A}.forEach", "b", "`b` is no direct predecessor of the node, add that edge"),
        (
            f"{_CONFIG}.taskDefinitions.b.forEach",
            "x",
            "no direct predecessor of the node, name one of them: a",
        ),
        (f"{_A}.batchSize", 5, "batchSize: means nothing without `forEach`"),
        (f"{_A}.maxConcurrency", 5, "maxConcurrency: means nothing without `forEach`"),
        ("pipelines.p.schemaVersion", 3, "`3` is not allowed, use one of 1, 2"),
        ("pipelines.p.config", _REMOVED, "config: is missing"),
        ("pipelines.p", None, "should be a mapping but is empty"),
        ("pipelines", [], "should be a mapping but is a list"),
        ("tools.log", "m.f", "`tools.log` is taken"),
        ("tools.progress", "m.f", "`tools.progress` is taken"),
        ("tools.cancelled", "m.f", "`tools.cancelled` is taken"),
        ("tools.publish", "m.f", "`tools.publish` is taken"),
        ("tools.publish_in_batches", "m.f", "`tools.publish_in_batches` is taken"),
        ("tools.a-b", "m.f", "write a Python name"),
        ("serviceConfig.0.name", "a b", "write a name of letters, digits, `_` and `-`"),
        ("serviceConfig.0.registeredTasks.0", "m.f", "should be a mapping but is `m.f`"),
        ("serviceConfig.0.registeredTasks.0.evnt", {}, "unknown key, did you mean `event`?"),
        ("serviceConfig", _GOOD["serviceConfig"] * 2, "another service is called `w` too"),
        ("scheduledTasks", {"..": _GOOD["scheduledTasks"]["s"]}, "`..` is no id of a schedule"),
        ("scheduledTasks", {"a/b": _GOOD["scheduledTasks"]["s"]}, "`a/b` is no id of a schedule"),
        (f"{_SCHEDULE}.task", _REMOVED, "task: is missing, name a task or a pipeline"),
        (f"{_SCHEDULE}.pipeline", "p", "stands beside `task`"),
        (f"{_SCHEDULE}.task", "m.h", "no service registers the handler `m.h`"),
        (f"{_SCHEDULE}.scheduleType", _REMOVED, "scheduleType: is missing"),
        (f"{_SCHEDULE}.scheduleType", "cron", "is not allowed, did you mean `crontab`?"),
        (f"{_SCHEDULE}.scheduleType", "crontab", "is an interval, but scheduleType is crontab"),
        (f"{_SCHEDULE}.schedule", {"hour": "1"}, "is a crontab, but scheduleType is interval"),
        (f"{_SCHEDULE}.schedule", _REMOVED, "schedule: is missing, add the interval"),
        (f"{_SCHEDULE}.schedule", 5, "should be a mapping but is `5`"),
        (f"{_SCHEDULE}.schedule.every", 0, "must be at least 1"),
        (f"{_SCHEDULE}.schedule.period", "weeks", "is not allowed, use one of microseconds"),
        (f"{_SCHEDULE}.schedule", {"every": 99_999, "period": "microseconds"}, "the interval is too short"),
        (f"{_SCHEDULE}.at", "2026-05-01T08:00", "at: means nothing with scheduleType interval"),
        (f"{_SCHEDULE}.startAt", "soon", "'soon' is no time, write it as"),
        (f"{_SCHEDULE}.startAt", 5, "is no time, write it as"),
        (f"{_SCHEDULE}.timezone", "Nowhere/Zzzz", "there is no time zone `Nowhere/Zzzz`, use an IANA name"),
        (f"{_SCHEDULE}.misfire", "never", "use one of latest, all, skip"),
        (f"{_SCHEDULE}.overlap", "kill", "use one of allow, skip"),
        (_SCHEDULE, {"scheduleType": "once", "task": "m.f", "queue": "q"}, "at: is missing, say when"),
    ],
)
def test_one_mistake_is_one_finding_in_plain_words(tmp_path, path, value, words):
    findings = _findings(tmp_path, _changed(path, value))

    assert [words in str(one) for one in findings].count(True) == 1
    assert len(findings) == 1 or path in _WITH_ECHO, findings


_WITH_ECHO = {f"{_CONFIG}.dagAdjacency.a", f"{_CONFIG}.dagAdjacency", f"{_CONFIG}.taskDefinitions.a b", _A}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"scheduleType": "once", "at": "2026-05-01T08:00", "schedule": {}},
            "means nothing with scheduleType once",
        ),
        (
            {"scheduleType": "crontab", "schedule": {"dayOfMonth": 30, "monthOfYear": "feb"}},
            "none of its days",
        ),
        ({"scheduleType": "crontab", "schedule": {"minute": "61"}}, "'61' is not within 0 to 59"),
        ({"scheduleType": "crontab", "schedule": {"dayOfMonth": "0"}}, "'0' is not within 1 to 31"),
        ({"scheduleType": "crontab", "schedule": {"minute": True}}, "should be text but is a boolean"),
        (
            {"scheduleType": "crontab", "schedule": {}, "startAt": "2026-05-01", "endAt": "2026-04-01"},
            "is not after startAt",
        ),
    ],
)
def test_schedules_of_the_other_kinds_are_checked(tmp_path, config, words):
    (finding,) = _findings(tmp_path, _changed(_SCHEDULE, {"task": "m.f", "queue": "q", **config}))

    assert words in str(finding)


def _bounded(start, end, zone):
    config = {**_GOOD["scheduledTasks"]["s"]["config"], "startAt": start, "endAt": end}
    return _changed(_SCHEDULE, config if zone is None else {**config, "timezone": zone})


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2027-01-01T00:00", "2026-12-01T00:00:00", None),
        ("2027-01-01T00:00", "2026-12-01T00:00:00Z", None),
        ("2027-01-01T00:00", "2027-01-01", None),
        ("2027-01-01T00:00", "2026-12-31T23:30Z", None),
        ("2026-12-31T23:30Z", "2027-01-01T00:00", "Europe/Berlin"),
    ],
)
def test_the_bounds_of_a_schedule_are_compared_as_times(tmp_path, start, end, zone):
    (finding,) = _findings(tmp_path, _bounded(start, end, zone))

    assert "endAt: is not after startAt" in str(finding)


@pytest.mark.parametrize(
    ("start", "end", "zone", "env"),
    [
        ("2020-01-01T00:00", "2020-01-02", None, {}),
        ("2027-01-01T00:00", "2026-12-31T23:30Z", "Europe/Berlin", {}),
        ("2027-01-01T00:00", "2026-12-31T23:30Z", None, {"PYPELINE_TIMEZONE": "Europe/Berlin"}),
    ],
)
def test_the_bounds_of_a_schedule_are_times_of_its_zone(tmp_path, start, end, zone, env):
    file = tmp_path / "sermos.yaml"
    file.write_text(_bounded(start, end, zone))

    assert load_config(file, env=env).scheduled_tasks["s"].config.end_at is not None


def test_a_queue_that_two_services_read_needs_its_handlers_in_both(tmp_path):
    services = [
        {"name": "one", "registeredTasks": [{"handler": "m.f"}, {"handler": "m.g"}]},
        {"name": "two", "registeredTasks": [{"handler": "m.f"}]},
        {"name": "api"},
    ]

    (finding,) = _findings(tmp_path, _changed("serviceConfig", services))

    assert "serviceConfig[1].registeredTasks: the service `two` reads the queue `q` but lacks `m.g`" in str(
        finding
    )


def test_a_long_list_of_lacking_handlers_is_cut(tmp_path):
    handlers = [{"handler": f"m.f{n}"} for n in range(9)]
    graph = {f"n{n}": [] for n in range(9)}
    nodes = {f"n{n}": handler for n, handler in enumerate(handlers)}
    data = {
        "serviceConfig": [
            {"name": "a", "registeredTasks": handlers},
            {"name": "b", "registeredTasks": handlers[:1]},
        ],
        "pipelines": {
            "p": {"config": {"metadata": {"queue": "q"}, "dagAdjacency": graph, "taskDefinitions": nodes}}
        },
    }

    (finding,) = _findings(tmp_path, yaml.safe_dump(data))

    assert finding.problem.endswith("and 3 more")


def test_a_variable_without_a_value_is_said_once_and_no_secret_is_shown(tmp_path):
    text = _changed(f"{_A}.maxTtl", "${NOT_SET}").replace(
        "queue: q\n", "queue: q\n        maxRetry: ${SECRET}\n", 1
    )

    findings = _findings(tmp_path, text, {"SECRET": "s3cret"})

    assert len(findings) == 2
    assert "should be a whole number but is `${SECRET}`" in str(findings[0])
    assert "`${NOT_SET}` has no value, set NOT_SET, or write ${NOT_SET:default}" in str(findings[1])


def test_a_file_that_is_no_mapping_says_how_to_begin(tmp_path):
    (finding,) = _findings(tmp_path, "- a\n")

    assert "the file should be a mapping" in finding.problem


def test_a_broken_file_still_tells_what_was_found_before(tmp_path):
    assert [one.line for one in _findings(tmp_path, "tools: {}\ntools: {}\npipelines: [\n")] == [2, 3]


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(ConfigurationNotFound, match=r"absent\.yaml \(No such file"):
        load_config(tmp_path / "absent.yaml", env={})
