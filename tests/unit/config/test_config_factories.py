from __future__ import annotations

import sys

import pytest

from pypeline.config.factories import import_factory
from pypeline.config.handlers import HandlerProblem

CLIENTS = """
from contextlib import contextmanager
from functools import lru_cache

VALUE = 3

class Warehouse:
    def __init__(self): self.name = "class"

class Needy:
    def __init__(self, url, *, region): ...

class Maker:
    name = "callable"
    def __init__(self, *given): assert not given, "nobody asked for one"
    def make(self): ...
    @lru_cache
    def cached(self): ...
    @staticmethod
    def static(): return Warehouse()
    @classmethod
    def of_class(cls): return Warehouse()
    def __call__(self): return Warehouse()

class Later:
    async def __call__(self): ...

maker, later = Maker(), Later()

def plain(name="class", *args, **kwargs): return Warehouse()
def needy(url, region=None, *, key): ...
async def slow(): ...

@contextmanager
def session(): yield
"""


@pytest.fixture(autouse=True)
def clients(tmp_path, monkeypatch):
    (tmp_path / "factories_shop.py").write_text(CLIENTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("factories_shop", None)


@pytest.mark.parametrize("name", ["plain", "Warehouse", "Maker.static", "Maker.of_class", "maker"])
def test_functions_and_classes_without_arguments_are_factories(name):
    assert import_factory(f"factories_shop.{name}")().name == "class"


def test_a_class_is_a_factory_whatever_its_instances_are():
    assert import_factory("factories_shop.Later")().__class__.__name__ == "Later"


def test_a_context_manager_is_made_by_its_function():
    with import_factory("factories_shop.session")() as entered:
        assert entered is None


def test_a_factory_whose_parameters_nobody_can_read_is_called():
    assert import_factory("builtins.dict")() == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "Maker.make",
            "is a method of an instance: write a function that makes the instance and calls it",
        ),
        ("Maker.cached", "is a method of an instance"),
        ("needy", "without arguments and needs `url`, `key`: write a function that fills them in"),
        ("Needy", "needs `url`, `region`"),
        ("slow", "is a coroutine function, .* make it a plain function"),
        ("later", "is a coroutine function"),
        ("VALUE", "is no function or class but of type int"),
        ("planned", "module factories_shop has no `planned`, did you mean `plain`?"),
    ],
)
def test_what_cannot_be_called_without_arguments_says_what_to_do(name, words):
    with pytest.raises(HandlerProblem, match=words) as caught:
        import_factory(f"factories_shop.{name}")

    assert caught.value.path == f"factories_shop.{name}"


def test_a_module_is_no_factory():
    with pytest.raises(HandlerProblem, match="is a module: name one of its functions or classes"):
        import_factory("factories_shop")
