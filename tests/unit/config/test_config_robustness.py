from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pypeline.config.examination import examine
from pypeline.config.plans import compile_plan
from pypeline.config.source import read_source
from pypeline.config.validation import ANCESTRAL

_KEYS = [
    "serviceConfig",
    "tools",
    "pipelines",
    "scheduledTasks",
    "name",
    "registeredTasks",
    "handler",
    "event",
    "schemaVersion",
    "config",
    "metadata",
    "queue",
    "maxRetry",
    "maxTtl",
    "dagAdjacency",
    "taskDefinitions",
    "settings",
    "required",
    "properties",
    "dataType",
    "options",
    "default",
    "handlers",
    "generator",
    "type",
    "bucket",
    "root",
    "accessKey",
    "limit",
    "prefix",
    "path",
    "triggerRule",
    "forEach",
    "batchSize",
    "maxConcurrency",
    "scheduleType",
    "task",
    "pipeline",
    "timezone",
    "startAt",
    "endAt",
    "at",
    "schedule",
    "every",
    "period",
    "minute",
    "dayOfMonth",
    "monthOfYear",
    "a",
    "b",
    "log",
    "imageConfig",
    "[key]",
    "port",
]
_WORDS = [
    *(
        "a",
        "b",
        "m.f",
        "q",
        "crontab",
        "interval",
        "once",
        "seconds",
        "s3",
        "local",
        "all_done",
        "${X}",
        "${Y:1}",
    ),
    *("UTC", "2026-01-01", "*", "string", "", "${", "é", "a b"),
]
_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 40), st.floats(allow_nan=False), st.sampled_from(_WORDS)
)
_ANY = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=12,
)


def _some(**parts):
    """A mapping of some of these keys, now and then with one that does not belong."""
    stray = st.dictionaries(st.sampled_from(_KEYS), _ANY, max_size=1)
    return st.builds(
        lambda known, other: {**known, **other}, st.fixed_dictionaries({}, optional=parts), stray
    )


_NODES = st.sampled_from(["a", "b", "c"])
_NODE = _some(handler=st.just("m.f") | _ANY, handlers=_ANY, forEach=_NODES, generator=_ANY, triggerRule=_ANY)
_PIPELINE = _some(
    schemaVersion=st.sampled_from([1, 2]),
    config=_some(
        metadata=st.just({"queue": "q"}) | _ANY,
        dagAdjacency=st.dictionaries(_NODES, st.lists(_NODES, max_size=3)) | _ANY,
        taskDefinitions=st.dictionaries(_NODES, _NODE) | _ANY,
        settings=_some(properties=_ANY, required=_ANY),
    ),
)
_SCHEDULE = _some(
    config=_some(
        scheduleType=st.sampled_from(["crontab", "interval", "once"]) | _ANY,
        schedule=_some(every=_ANY, period=_ANY, minute=_ANY, dayOfMonth=_ANY) | _ANY,
        task=_ANY,
        at=_ANY,
        payload=_ANY,
    )
)
_SERVICE = _some(name=_ANY, registeredTasks=st.lists(_some(handler=_ANY, event=_ANY), max_size=2) | _ANY)
_FILE = _some(
    serviceConfig=st.lists(_SERVICE, max_size=2) | _ANY,
    pipelines=st.dictionaries(_NODES, _PIPELINE, max_size=2) | _ANY,
    scheduledTasks=st.dictionaries(_NODES, _SCHEDULE, max_size=2) | _ANY,
    tools=_ANY,
)


@given(written=_FILE | _ANY)
def test_any_data_is_a_file_or_has_faults_that_lead_into_it(written):
    examined = examine(written, {})

    assert (examined.model is None) == bool(examined.faults)
    for fault in examined.faults:
        assert fault.problem
        assert fault.remedy
        _assert_leads_into(written, fault.path)
    if examined.model is not None:
        for pipeline_id, model in examined.model.pipelines.items():
            plan = compile_plan(pipeline_id, written["pipelines"][pipeline_id], model)
            assert set(plan.dag.names) == set(model.config.task_definitions)


@given(key=st.sampled_from(sorted(ANCESTRAL)), value=_ANY)
def test_what_stands_under_an_older_key_is_no_matter(key, value):
    examined = examine({"pipelines": {}, key: value}, {})

    assert examined.model is not None
    assert len(examined.warnings) == 1


@given(
    content=st.binary(max_size=60)
    | st.text(alphabet="ab:-[]{}&*!<? \n'\"#|>%@,0", max_size=60).map(str.encode)
)
def test_any_content_is_data_or_has_faults(content):
    source = read_source("f", content)

    assert source.faults or not source.broken
    for fault in source.faults:
        assert fault.line >= 1
        assert fault.column >= 1


def _assert_leads_into(data, path):
    """All of a path but its end, which may be what is missing, is there."""
    for step in path[:-1]:
        data = data[step]
