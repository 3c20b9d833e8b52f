"""Modules of one name in two folders: a process has only one of them."""

from __future__ import annotations

import re
import sys

import pytest

from pypeline.config import load_config
from pypeline.config.check import importable
from pypeline.config.factories import import_factory
from pypeline.config.handlers import HandlerProblem, import_handler
from pypeline.config.required import require_handlers
from pypeline.errors import InvalidInput

CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks: [{handler: namesake_tasks.where}]
pipelines:
  p: {config: {metadata: {queue: q}, dagAdjacency: {a: []},
      taskDefinitions: {a: {handler: namesake_tasks.where}}}}
"""
WHERE = "def where(event=None): return __file__"
OTHER = f"{WHERE}  # of another application"


@pytest.fixture(autouse=True)
def forget():
    """Modules of this test are gone after it."""
    yield
    for name in [name for name in sys.modules if name.startswith("namesake_")]:
        del sys.modules[name]


@pytest.fixture
def make(tmp_path):
    """A folder of that name with these files: relative path → text."""

    def write(name, files):
        for path, text in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / name

    return write


def found(path, folder):
    """The file of the handler that a configuration of this folder gets."""
    with importable(folder):
        return import_handler(path, folder)({})


@pytest.mark.parametrize("module", ["namesake_tasks.py", "namesake_tasks/__init__.py"])
def test_another_applications_module_of_the_same_name_is_refused(make, module):
    one, two = make("one", {"namesake_tasks.py": WHERE}), make("two", {module: OTHER})
    first = found("namesake_tasks.where", one)

    with pytest.raises(HandlerProblem) as problem:
        found("namesake_tasks.where", two)

    assert problem.value.problem == (
        f"this process has the module namesake_tasks from {first}, not from {two / module}: "
        "put the code of the two into packages of different names"
    )
    assert found("namesake_tasks.where", one) == first


def test_a_package_that_another_application_has_too_is_named_where_it_lacks_a_module(make):
    one = make("one", {"namesake_shop/__init__.py": "", "namesake_shop/tasks.py": WHERE})
    two = make("two", {"namesake_shop/__init__.py": "", "namesake_shop/jobs.py": WHERE})
    found("namesake_shop.tasks.where", one)

    with pytest.raises(HandlerProblem, match="packages of different names"):
        found("namesake_shop.jobs.where", two)


def test_a_run_is_refused_before_it_starts(make):
    one, two = (
        load_config(make(name, {"namesake_tasks.py": code, "sermos.yaml": CONFIG}) / "sermos.yaml", env={})
        for name, code in {"one": WHERE, "two": OTHER}.items()
    )
    require_handlers(one, one.plan("p"), None)

    with pytest.raises(InvalidInput, match=re.escape(f"not from {two.folder / 'namesake_tasks.py'}")):
        require_handlers(two, two.plan("p"), None)


def test_a_tool_is_not_made_by_another_applications_code(make):
    one, two = make("one", {"namesake_tasks.py": WHERE}), make("two", {"namesake_tasks.py": OTHER})
    with importable(one):
        import_factory("namesake_tasks.where", one)

    with importable(two), pytest.raises(HandlerProblem, match="packages of different names"):
        import_factory("namesake_tasks.where", two)


def test_what_the_folder_does_not_have_may_come_from_anywhere(make, monkeypatch):
    installed = make("installed", {"namesake_tasks.py": WHERE, "namesake_space/deep/tasks.py": WHERE})
    monkeypatch.syspath_prepend(str(installed))
    folder = make("folder", {"sermos.yaml": CONFIG, "namesake_space/other.py": ""})

    assert found("namesake_tasks.where", folder) == str(installed / "namesake_tasks.py")
    assert found("namesake_space.deep.tasks.where", folder) == str(installed / "namesake_space/deep/tasks.py")


@pytest.mark.parametrize("first", ["real", "link"])
def test_a_folder_may_be_reached_through_a_link(make, tmp_path, first):
    make("real", {"namesake_shop/__init__.py": "", "namesake_shop/tasks.py": WHERE})
    (tmp_path / "link").symlink_to("real")
    file = found("namesake_shop.tasks.where", tmp_path / first)

    assert found("namesake_shop.tasks.where", tmp_path / "real") == file
    assert found("namesake_shop.tasks.where", tmp_path / "link") == file


def test_a_file_may_be_a_link(make, tmp_path):
    shared = make("shared", {"namesake_tasks.py": WHERE})
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "namesake_tasks.py").symlink_to(shared / "namesake_tasks.py")

    assert found("namesake_tasks.where", one) == found("namesake_tasks.where", two)


def test_an_installed_copy_of_what_lies_here_is_no_other_code(make):
    one, two = make("one", {"namesake_tasks.py": WHERE}), make("two", {"namesake_tasks.py": WHERE})

    assert found("namesake_tasks.where", one) == found("namesake_tasks.where", two)


def test_a_module_without_a_file_is_nobodys(make, monkeypatch):
    folder = make("folder", {"namesake_tasks.py": WHERE})
    module = type(sys)("namesake_tasks")
    module.where = lambda event: "made"
    monkeypatch.setitem(sys.modules, "namesake_tasks", module)

    assert found("namesake_tasks.where", folder) == "made"


def test_a_module_may_be_compiled_beside_its_source(make, monkeypatch):
    folder = make("folder", {"namesake_tasks.py": WHERE})
    module = type(sys)("namesake_tasks")
    module.__file__ = str(folder / "namesake_tasks.abi3.so")
    module.where = lambda event: "compiled"
    monkeypatch.setitem(sys.modules, "namesake_tasks", module)

    assert found("namesake_tasks.where", folder) == "compiled"
