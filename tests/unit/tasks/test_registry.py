import sys
import types

import pytest
from celery import Celery

from pypeline.tasks.attempts.registry import HandlerMissing, Registry


@pytest.fixture
def demo(monkeypatch):
    """A user's module, importable as `registry_demo`."""
    module = types.ModuleType("registry_demo")
    monkeypatch.setitem(sys.modules, "registry_demo", module)
    return module


def test_a_handler_comes_with_its_function_its_signature_and_its_defaults(demo):
    def report(event, tools, clean, extra=None): ...

    demo.report = report
    handler = Registry({"registry_demo.report": {"lang": "en"}}, {}).resolve("registry_demo.report")

    assert handler.function is report
    assert handler.signature.takes_tools
    assert handler.signature.injected == ("clean",)
    assert handler.signature.optional == {"extra"}
    assert (handler.path, handler.defaults) == ("registry_demo.report", {"lang": "en"})


def test_a_handler_is_imported_when_it_is_first_resolved_and_once(demo):
    registry = Registry({"registry_demo.late": {}}, {})
    demo.late = lambda event: 1

    first = registry.resolve("registry_demo.late")
    demo.late = lambda event: 2

    assert registry.resolve("registry_demo.late") is first


def test_coroutine_functions_and_celery_tasks_are_handlers(demo):
    async def fetch(event): ...

    def double(event):
        return 2 * event["n"]

    demo.fetch = fetch
    demo.task = Celery("registry-demo", set_as_current=False).task(double)
    registry = Registry({"registry_demo.fetch": {}, "registry_demo.task": {}}, {})

    assert registry.resolve("registry_demo.fetch").function is fetch
    assert registry.resolve("registry_demo.task").function({"n": 3}) == 6


def test_a_handler_that_is_not_registered_is_missing_though_it_could_be_imported(demo):
    demo.clean = lambda event: None

    with pytest.raises(HandlerMissing) as caught:
        Registry({}, {}).resolve("registry_demo.clean")
    assert caught.value.path == "registry_demo.clean"
    assert str(caught.value) == "handler registry_demo.clean is not among the registeredTasks of this worker"


def test_a_handler_that_cannot_be_imported_is_missing_until_it_can(demo):
    registry = Registry({"registry_demo.clean": {}}, {})

    with pytest.raises(HandlerMissing, match="module registry_demo has no `clean`"):
        registry.resolve("registry_demo.clean")

    demo.clean = lambda event: None
    assert registry.resolve("registry_demo.clean").function is demo.clean


def test_a_handler_that_takes_no_event_is_missing(demo):
    demo.clean = lambda: None

    with pytest.raises(HandlerMissing, match="takes no positional argument"):
        Registry({"registry_demo.clean": {}}, {}).resolve("registry_demo.clean")


def test_a_registry_tells_its_paths_and_has_the_toolbox():
    registry = Registry({"a.b": {}, "a.c": {}}, {"warehouse": "a.make"})

    assert registry.paths == ("a.b", "a.c")
    assert registry.toolbox.names == ("warehouse",)
