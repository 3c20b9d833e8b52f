from __future__ import annotations

import sys

import pytest
from celery import Celery, _state

from pypeline.config.handlers import HandlerProblem, HandlerSignature, import_handler, read_signature

SHOP = """
from celery import Celery, shared_task

app = Celery("shop", set_as_current=False)
VALUE = 3

def plain(event): return "plain"

class Stock:
    def count(self, event): return "bound"
    @staticmethod
    def check(event): return "static"
    @classmethod
    def build(cls, event): return cls.__name__
    def bare(event): return "bare"

class Needy:
    def __init__(self, connection): ...
    def run(self, event): ...

@app.task(bind=True)
def task(self, event, upstream): ...

class Nasty(Exception):
    def __str__(self): raise RuntimeError("no text")
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    package = tmp_path / "handlers_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "stock.py").write_text(SHOP)
    (package / "missing.py").write_text("import surely_not_installed\n")
    (package / "broken.py").write_text("def broken(:\n")
    (package / "raising.py").write_text("VALUE = 1\n\nraise LookupError('no such thing')\n")
    (package / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    (package / "nasty.py").write_text("from handlers_shop.stock import Nasty\nraise Nasty\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    # A shared task is made again in every application that is finalized later in this process.
    monkeypatch.setattr(_state, "_on_app_finalizers", set())
    yield "handlers_shop"
    for name in [name for name in sys.modules if name.startswith("handlers_shop")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("stock.plain", "plain"),
        ("stock.Stock.count", "bound"),
        ("stock.Stock.check", "static"),
        ("stock.Stock.build", "Stock"),
        ("stock.Stock.bare", "bare"),
    ],
)
def test_functions_and_methods_are_found_by_their_path(shop, path, result):
    assert import_handler(f"{shop}.{path}")({}) == result


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere_at_all.f", "there is no module 'nowhere_at_all'"),
        ("handlers_shop.nothing.f", "module handlers_shop has no `nothing`"),
        ("handlers_shop.stock.plian", "module handlers_shop.stock has no `plian`, did you mean `plain`?"),
        (
            "handlers_shop.stock.Stock.coutn",
            "class handlers_shop.stock.Stock has no `coutn`, did you mean `count`?",
        ),
        ("handlers_shop.stock.VALUE", "is no function but of type int"),
        ("handlers_shop.stock.Stock", "is a class"),
        ("handlers_shop.stock", "is a module"),
        ("not a path", "is no dotted path"),
        ("handlers_shop..f", "is no dotted path"),
        ("handlers_shop.stock.Needy.run", "Needy.. raised TypeError"),
        ("handlers_shop.missing.f", r"raised ModuleNotFoundError: .*surely_not_installed.*missing\.py:1"),
        ("handlers_shop.broken.f", r"raised SyntaxError: .*broken\.py:1"),
        ("handlers_shop.raising.f", r"raised LookupError: no such thing .*raising\.py:3"),
        ("handlers_shop.leaving.f", r"raised SystemExit: 3 .*leaving\.py:2"),
        ("handlers_shop.nasty.f", r"raised Nasty: an error without a readable message .*nasty\.py:2"),
    ],
)
def test_what_cannot_be_imported_says_why(shop, path, words):
    with pytest.raises(HandlerProblem, match=words) as caught:
        import_handler(path)

    assert caught.value.path == path


def _events(event, tools, extract, clean=None, *args, count, lang="en", **kwargs): ...
async def _later(event, extract): ...
def _anything(*args, **kwargs): ...


class _Callable:
    def __call__(self, event, tools): ...


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (
            _events,
            HandlerSignature(
                takes_tools=True, injected=("extract", "count"), optional=frozenset({"clean", "lang"})
            ),
        ),
        (_later, HandlerSignature(takes_tools=False, injected=("extract",), optional=frozenset())),
        (_anything, HandlerSignature(takes_tools=False, injected=(), optional=frozenset())),
        (_Callable(), HandlerSignature(takes_tools=True, injected=(), optional=frozenset())),
    ],
)
def test_a_signature_tells_what_is_asked_for(function, signature):
    assert read_signature(function) == signature


def test_the_signature_of_a_celery_task_is_that_of_its_run(shop):
    assert read_signature(import_handler(f"{shop}.stock.task")) == HandlerSignature(
        takes_tools=False, injected=("upstream",), optional=frozenset()
    )


def test_a_task_that_is_not_bound_takes_its_event_first():
    app = Celery("plain", set_as_current=False)

    @app.task
    def work(event, tools): ...

    assert read_signature(work) == HandlerSignature(takes_tools=True, injected=(), optional=frozenset())


def _nothing(): ...
def _by_name(*, event): ...
def _second(first, event): ...
def _unnamed(event, other, /): ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_nothing, "takes no positional argument"),
        (_by_name, "takes no positional argument"),
        (_second, "`event` must be its first parameter"),
        (_unnamed, "`other` is positional-only"),
        (dict, "its parameters cannot be read"),
    ],
)
def test_a_signature_that_cannot_be_served_says_why(function, words):
    with pytest.raises(HandlerProblem, match=words):
        read_signature(function)
