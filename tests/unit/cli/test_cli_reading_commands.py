"""Commands that need a configuration and no database: validate, graph, schema, completion."""

from __future__ import annotations

import html
import json
import sys

import pytest
from click.testing import CliRunner

from pypeline.cli import main
from pypeline.graph.drawing import FORMATS

GOOD = """\
pipelines:
  demo:
    description: What it is for.
    config:
      metadata: {queue: q}
      dagAdjacency: {list: [each], each: [end]}
      taskDefinitions:
        list: {handler: cli_reading_tasks.numbers}
        each: {handler: cli_reading_tasks.one, forEach: list, batchSize: 3}
        end: {handler: cli_reading_tasks.one, triggerRule: all_done}
"""
TASKS = "print('imported')\ndef numbers(event): return []\ndef one(event): return 1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cli_reading_tasks", raising=False)
    (tmp_path / "sermos.yaml").write_text(GOOD)
    (tmp_path / "cli_reading_tasks.py").write_text(TASKS)
    yield tmp_path
    sys.modules.pop("cli_reading_tasks", None)


def invoke(*arguments):
    return CliRunner().invoke(main, arguments)


def test_a_good_file_is_ok_with_counts(folder):
    done = invoke("validate")

    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "ok: 1 pipeline, 3 nodes, 0 services, 2 handlers, 0 schedules"


def test_what_modules_print_stays_out_of_the_document(folder):
    done = invoke("validate", "--json")

    assert json.loads(done.stdout) == {
        "ok": True,
        "counts": {"pipelines": 1, "nodes": 3, "services": 0, "handlers": 2, "schedules": 0},
        "findings": [],
        "warnings": [],
    }


def test_every_fault_is_a_line_with_its_place(folder):
    broken = GOOD.replace("queue: q", "queue: q, maxRetries: 3").replace("forEach: list", "forEach: end")
    (folder / "sermos.yaml").write_text(broken)

    done = invoke("validate")

    assert done.exit_code == 2
    places = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert places == sorted(places, key=lambda place: int(place.split(":")[1]))
    assert {place.split(":")[1] for place in places} == {"5", "9"}
    assert done.stderr == "imported\nerror: 2 faults\n"


def test_the_document_of_a_broken_file_has_the_parts_of_each_finding(folder):
    (folder / "sermos.yaml").write_text(GOOD.replace("queue: q", "queue: q, maxRetries: 3"))

    done = invoke("validate", "--json")

    (finding,) = json.loads(done.stdout)["findings"]
    assert done.exit_code == 2
    assert (finding["file"], finding["line"], finding["path"]) == (
        "sermos.yaml",
        5,
        "pipelines.demo.config.metadata.maxRetries",
    )
    assert "maxRetry" in finding["remedy"]


def test_a_handler_that_cannot_be_imported_is_a_fault(folder):
    (folder / "cli_reading_tasks.py").write_text("import no_such_package\n")

    done = invoke("validate")

    assert done.exit_code == 2
    assert "no_such_package" in done.stdout


def test_what_is_ignored_is_a_warning(folder):
    (folder / "sermos.yaml").write_text("imageConfig: {}\n" + GOOD)

    done = invoke("validate")

    assert done.exit_code == 0
    assert "warning: sermos.yaml:1:1: " in done.stderr
    assert "imageConfig" in done.stderr


def test_a_missing_file_is_told_with_what_to_do(folder):
    done = invoke("validate", "--config", "elsewhere.yaml")

    assert done.exit_code == 2
    assert done.stderr.startswith("error: no sermos.yaml at elsewhere.yaml: name it with --config, or set ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_graph_is_drawn_in_each_format(folder, form):
    done = invoke("graph", "demo", "--format", form)

    assert done.exit_code == 0
    assert "for each of list in batches of 3" in done.stdout
    assert "all_done" in done.stdout


@pytest.mark.parametrize("form", FORMATS)
def test_a_graph_tells_what_a_node_lists(folder, form):
    listing = 'list: {generator: {type: local, root: /data, path: "${payload.day}", pattern: "*.txt"}}'
    written = GOOD.replace("list: {handler: cli_reading_tasks.numbers}", listing)
    (folder / "sermos.yaml").write_text(written)

    drawn = invoke("graph", "demo", "--format", form).stdout
    # Mermaid has escapes of its own.
    assert "/data/${payload.day}/*.txt" in html.unescape(drawn.replace("#42;", "*"))


def test_graph_offers_what_drawings_there_are():
    (option,) = (one for one in main.commands["graph"].params if one.name == "form")

    assert list(option.type.choices) == list(FORMATS)


def test_a_graph_goes_to_a_file(folder):
    done = invoke("graph", "demo", "--format", "svg", "--output", "demo.svg")

    assert (done.exit_code, done.stdout) == (0, "")
    assert (folder / "demo.svg").read_text().startswith("<svg")


def test_a_file_that_cannot_be_written_is_told(folder):
    done = invoke("graph", "demo", "--output", "no/such/folder.svg")

    assert done.exit_code == 2
    assert "no/such/folder.svg cannot be written" in done.stderr


def test_an_unknown_pipeline_is_told_with_those_that_are_there(folder):
    done = invoke("graph", "demonstration")

    assert done.exit_code == 2
    assert done.stderr == "error: no pipeline 'demonstration'; the configuration has: demo\n"


def test_the_schema_is_json():
    assert json.loads(invoke("schema").stdout)["title"] == "sermos.yaml"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_the_script_that_completes(shell):
    done = invoke("completion", shell)

    assert done.exit_code == 0
    assert f"_PYPELINE_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "at", "offered"),
    [
        ("pypeline va", 1, {"validate"}),
        ("pypeline graph de", 2, {"demo"}),
        ("pypeline runs --pipeline d", 3, {"demo"}),
        ("pypeline db ", 2, {"upgrade", "current", "prune"}),
        ("pypeline show ", 2, set()),
        ("pypeline graph demo --format s", 4, {"svg"}),
    ],
)
def test_a_shell_is_offered_what_fits(folder, words, at, offered):
    environment = {"_PYPELINE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}

    done = CliRunner(env=environment).invoke(main, [], prog_name="pypeline")

    assert {line.partition(",")[2] for line in done.stdout.split()} == offered


def test_completion_makes_no_database(folder):
    environment = {"_PYPELINE_COMPLETE": "bash_complete", "COMP_WORDS": "pypeline show ", "COMP_CWORD": "2"}

    CliRunner(env=environment).invoke(main, [], prog_name="pypeline")

    assert not (folder / "pypeline.db").exists()


def test_a_broken_configuration_completes_nothing(folder):
    (folder / "sermos.yaml").write_text("pipelines: [")
    environment = {"_PYPELINE_COMPLETE": "bash_complete", "COMP_WORDS": "pypeline run ", "COMP_CWORD": "2"}

    done = CliRunner(env=environment).invoke(main, [], prog_name="pypeline")

    assert done.stdout.strip() == ""
    assert "Traceback" not in done.stderr
