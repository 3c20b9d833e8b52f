"""`FlaskPypeline`: what it adds to somebody's application, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from flask import Blueprint, Flask, abort, redirect

import flask_shop
import pypeline.flask
from flask_shop import CONFIG, KEYS, Caller, problem_of
from pypeline.errors import ConfigurationNotFound, InvalidConfiguration, InvalidSetting
from pypeline.flask import FlaskPypeline, FlaskSermos

NOWHERE = {
    "PYPELINE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "PYPELINE_BROKER_URL": "amqp://nobody@127.0.0.1:1//",
}


def rules(app):
    return {rule.rule for rule in app.url_map.iter_rules()}


def in_a_process(folder, program):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


# — adding it —


def test_the_api_is_there_where_it_is_asked_for(app, reader):
    assert {"/api/v1/runs", "/api/v1/pipelines", "/healthz"} <= rules(app)
    assert reader.get("/pipelines").json["pipelines"][0]["pipeline_id"] == "fails"


def test_without_init_api_no_route_is_added_and_no_configuration_needed(folder):
    (folder / "sermos.yaml").unlink()
    app = Flask("plain")
    before = rules(app)

    FlaskPypeline(app)

    assert rules(app) == before
    assert app.before_request_funcs == {}
    assert app.extensions["pypeline"].settings.app_name == folder.name


def test_a_factory_adds_it_later(folder):
    extension = FlaskPypeline(init_api=True)
    app = Flask("later")
    app.config["PYPELINE_ACCESS_KEYS"] = "ann:admin:s"

    extension.init_app(app)

    assert Caller(app, "s").get("/pipelines").status_code == 200


def test_init_app_may_decide_otherwise_than_the_extension(folder):
    extension = FlaskPypeline(init_api=True, url_prefix="/one")
    without, elsewhere = Flask("without"), Flask("elsewhere")

    extension.init_app(without, init_api=False)
    extension.init_app(elsewhere, url_prefix="/two")

    assert not any("runs" in rule for rule in rules(without))
    assert "/two/runs" in rules(elsewhere)
    assert "/one/runs" not in rules(elsewhere)


@pytest.mark.parametrize("prefix", ["/x", "/deep/er/v2", "/x/", "/", ""])
def test_the_api_is_at_any_prefix(make_app, prefix):
    app = make_app(extension={"url_prefix": prefix})
    caller = Caller(app, KEYS["reader"], prefix=prefix.rstrip("/"))

    assert caller.get("/pipelines").status_code == 200
    assert problem_of(caller.get("/runs/no/such/thing"), 404)
    assert app.test_client().get("/other").content_type.startswith("text/html")


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("jobs", "write '/jobs'"),
        ("/<tenant>/api", "write a fixed path"),
        ("/jobs/<int:a>", "write a fixed path"),
    ],
)
def test_a_prefix_that_is_no_fixed_path_is_refused_at_once(folder, prefix, words):
    app = Flask("app")

    with pytest.raises(ValueError, match=words):
        FlaskPypeline(app, init_api=True, url_prefix=prefix)
    assert "pypeline" not in app.extensions


def test_a_dashboard_may_be_declined_and_not_be_had_yet(folder):
    app = Flask("app")

    FlaskPypeline(app, init_dashboard=False)

    with pytest.raises(NotImplementedError, match="no dashboard yet: leave init_dashboard out"):
        FlaskPypeline(init_api=True, init_dashboard=True)
    with pytest.raises(NotImplementedError, match="no dashboard yet"):
        FlaskPypeline().init_app(Flask("other"), init_dashboard=True)


def test_twice_in_one_application_is_refused(app):
    with pytest.raises(RuntimeError, match="call init_app once"):
        FlaskPypeline(app, init_api=True)


def test_the_old_name_is_the_same():
    assert FlaskSermos is FlaskPypeline
    assert pypeline.flask.FlaskSermos is FlaskPypeline


# — settings —


def test_settings_of_the_application_win_over_the_environment(folder, monkeypatch):
    monkeypatch.setenv("PYPELINE_APP", "of-the-environment")
    monkeypatch.setenv("PYPELINE_LEASE", "7")
    app = Flask("app")
    app.config.update(PYPELINE_APP="of-the-application", PYPELINE_MAX_REQUEST=2048)

    FlaskPypeline(app)

    settings = app.extensions["pypeline"].settings
    assert (settings.app_name, settings.lease, settings.max_request) == ("of-the-application", 7.0, 2048)


@pytest.mark.parametrize(
    ("given", "in_environment"),
    [("PYPELINE_ACCESS_KEY", "PYPELINE_ACCESS_KEYS"), ("PYPELINE_ACCESS_KEYS", "PYPELINE_ACCESS_KEY")],
)
def test_keys_of_the_application_win_over_the_environment_under_either_name(
    folder, monkeypatch, given, in_environment
):
    monkeypatch.setenv(in_environment, "bob:admin:theirs")
    app = Flask("app")
    app.config[given] = "ann:admin:mine"

    FlaskPypeline(app, init_api=True)

    assert Caller(app, "bob:admin:theirs").get("/pipelines").status_code == 401
    assert Caller(app, "theirs").get("/pipelines").status_code == 401
    assert len(app.extensions["pypeline"].settings.access_keys) == 1


def test_none_takes_away_what_the_environment_says(folder, monkeypatch):
    monkeypatch.setenv("PYPELINE_ACCESS_KEY", "of-the-environment")
    app = Flask("app")
    app.config["PYPELINE_ACCESS_KEY"] = None

    FlaskPypeline(app)

    assert app.extensions["pypeline"].settings.access_keys == ()


def test_the_configuration_is_where_the_application_says(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.yaml"
    elsewhere.write_text(CONFIG.replace("hello:", "good-day:"))
    app = Flask("app")
    app.config["PYPELINE_CONFIG"] = elsewhere

    FlaskPypeline(app, init_api=True)

    assert Caller(app).get("/pipelines/good-day").status_code == 200


def test_several_applications_have_their_own_settings_and_databases(make_app, folder):
    one = make_app(PYPELINE_ACCESS_KEYS="ann:admin:one", PYPELINE_DATABASE_URL=f"sqlite:///{folder / '1.db'}")
    two = make_app(PYPELINE_ACCESS_KEYS="ann:admin:two", PYPELINE_DATABASE_URL=f"sqlite:///{folder / '2.db'}")

    run_id = Caller(one, "one").invoke()

    assert Caller(one, "one").get(f"/pipelines/results/{run_id}").status_code == 202
    problem_of(Caller(two, "two").get(f"/pipelines/results/{run_id}"), 404)
    problem_of(Caller(two, "one").get(f"/pipelines/results/{run_id}"), 401)


def test_one_extension_serves_several_applications_that_each_run_their_handlers(folder):
    extension = FlaskPypeline(init_api=True)
    callers = []
    for name in ("one", "two"):
        app = Flask(name)
        app.config["PYPELINE_DATABASE_URL"] = f"sqlite:///{folder / name}.db"
        extension.init_app(app)
        callers.append((app, Caller(app)))

    ended = [caller.ended(caller.invoke("squares")) for _, caller in callers]

    assert [one["result"] for one in ended] == [{"total": 5}, {"total": 5}]
    assert [len(caller.get("/runs").json["runs"]) for _, caller in callers] == [1, 1]
    for app, _ in callers:
        app.extensions["pypeline"].link.close()


def test_applications_in_one_database_do_not_see_each_others_runs(make_app):
    mine, theirs = make_app(PYPELINE_APP="mine"), make_app(PYPELINE_APP="theirs")
    run_id = Caller(mine, KEYS["admin"]).invoke()
    other = Caller(theirs, KEYS["admin"])

    for path in (f"/runs/{run_id}", f"/runs/{run_id}/nodes", f"/pipelines/results/{run_id}"):
        problem_of(other.get(path), 404)
    problem_of(other.post(f"/runs/{run_id}/cancel"), 404)
    assert other.get("/runs").json["runs"] == []


def test_keys_may_be_a_list_and_numbers_and_paths_are_as_text(folder):
    app = Flask("app")
    app.config.update(
        PYPELINE_ACCESS_KEYS=["ann:admin:one", "rita:reader:two"],
        PYPELINE_LEASE=7.5,
        PYPELINE_CONFIG=folder / "sermos.yaml",
    )

    FlaskPypeline(app)

    settings = app.extensions["pypeline"].settings
    assert [key.name for key in settings.access_keys] == ["ann", "rita"]
    assert (settings.lease, settings.config) == (7.5, folder / "sermos.yaml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYPELINE_ACCESS_KEYS", {"ann": "hidden"}),
        ("PYPELINE_ACCESS_KEYS", [("ann", "admin", "hidden")]),
        ("PYPELINE_ACCESS_KEY", b"hidden"),
        ("PYPELINE_ACCESS_KEY", True),
        ("PYPELINE_APP", ["a", "list"]),
    ],
)
def test_what_is_no_text_is_refused_by_the_name_of_its_setting(folder, name, value):
    app = Flask("app")
    app.config[name] = value

    with pytest.raises(InvalidSetting, match=f"^{name}: is no text") as caught:
        FlaskPypeline(app)
    assert "hidden" not in str(caught.value)


def test_what_is_no_setting_of_ours_may_be_anything(folder):
    app = Flask("app")
    app.config["PYPELINE_SHELF_OF_THEIRS"] = {"apples": 3}

    FlaskPypeline(app)

    assert "PYPELINE_SHELF_OF_THEIRS" not in app.extensions["pypeline"].settings.environment


# — faults are told at once, and nothing is opened —


def test_a_missing_configuration_is_told_at_once(folder):
    (folder / "sermos.yaml").unlink()

    with pytest.raises(ConfigurationNotFound):
        FlaskPypeline(Flask("app"), init_api=True)


def test_a_faulty_configuration_is_told_at_once(folder):
    (folder / "sermos.yaml").write_text("pipelines: {p: {config: {}}}")

    with pytest.raises(InvalidConfiguration):
        FlaskPypeline(Flask("app"), init_api=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"PYPELINE_LEASE": "soon"},
        {"PYPELINE_ACCESS_KEYS": "ann:queen:s"},
        {"PYPELINE_MAX_REQUEST": -1},
        {"PYPELINE_ACCESS_KEYS": ","},
        {"PYPELINE_BROKER_URL": "memory://", "PYPELINE_DATABASE_URL": None},
        {"PYPELINE_DATABASE_URL": "mysql://host/shop"},
        {"PYPELINE_DATABASE_URL": "sqlite://"},
        {"PYPELINE_BROKER_URL": "nope://host", "PYPELINE_DATABASE_URL": "sqlite:///runs.db"},
    ],
)
def test_a_faulty_setting_is_told_at_once(folder, settings):
    app = Flask("app")
    app.config.update(settings)

    with pytest.raises(InvalidSetting):
        FlaskPypeline(app)
    assert "pypeline" not in app.extensions


def test_an_application_whose_configuration_was_missing_may_try_again(folder):
    text = (folder / "sermos.yaml").read_text()
    (folder / "sermos.yaml").unlink()
    app, extension = Flask("app"), FlaskPypeline(init_api=True)
    with pytest.raises(ConfigurationNotFound):
        extension.init_app(app)
    (folder / "sermos.yaml").write_text(text)

    extension.init_app(app)

    assert Caller(app).get("/pipelines").status_code == 200


def test_neither_database_nor_broker_is_needed_to_begin(make_app):
    app = make_app(**NOWHERE)

    assert Caller(app, KEYS["reader"]).get("/pipelines").status_code == 200
    assert app.test_client().get("/healthz").status_code == 200


def test_no_file_is_made_to_begin(folder):
    FlaskPypeline(Flask("app"), init_api=True)

    assert [path.name for path in folder.iterdir()] == ["sermos.yaml"]


# — what belongs to the user stays theirs —


@pytest.fixture
def theirs():
    """An application that answers its errors itself, and has routes beneath the prefix of the API."""
    app = Flask("theirs")
    app.register_error_handler(404, lambda _: ("their 404", 404))
    app.register_error_handler(405, lambda _: ("their 405", 405))
    app.register_error_handler(413, lambda _: ("their 413", 413))
    app.register_error_handler(500, lambda _: ("their 500", 500))
    app.register_error_handler(Exception, lambda error: (f"their {type(error).__name__}", 500))
    users = Blueprint("users", __name__, url_prefix="/api/v1")
    users.add_url_rule("/users", view_func=lambda: "their users")
    users.add_url_rule("/runs-of-theirs", "runs_of_theirs", lambda: "their runs")
    app.register_blueprint(users)
    app.add_url_rule("/breaks", view_func=breaks)
    return app


def breaks():
    raise ZeroDivisionError


def test_their_routes_stay_also_beneath_the_same_prefix(make_app, theirs):
    client = make_app(theirs).test_client()

    assert client.get("/api/v1/users").text == "their users"
    assert client.get("/api/v1/runs-of-theirs").text == "their runs"
    assert client.get("/breaks").text == "their ZeroDivisionError"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api", "/api/v1", "/api/v1/users/7", "/api/v1/runs-of-others"]
)
def test_what_is_not_there_is_answered_by_them(make_app, theirs, path):
    answer = make_app(theirs).test_client().get(path)

    assert (answer.status_code, answer.text) == (404, "their 404")


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/runs-of-theirs", "/breaks"])
def test_a_method_that_their_route_does_not_take_is_answered_by_them(make_app, theirs, path):
    assert make_app(theirs).test_client().delete(path).text == "their 405"


def test_errors_of_the_api_are_not_answered_by_them(make_app, theirs, monkeypatch):
    app = make_app(theirs, PYPELINE_MAX_REQUEST=50)
    caller = Caller(app, KEYS["admin"])

    problem_of(caller.get("/runs/no-such-run"), 404)
    problem_of(caller.get("/runs/a/b/c"), 404)
    problem_of(caller("DELETE", "/runs"), 405)
    problem_of(caller.post("/pipelines/invoke/hello", {"chain_payload": {"x": "y" * 100}}), 413)
    monkeypatch.setattr(type(app.extensions["pypeline"].link), "config", breaks)
    problem_of(caller.get("/pipelines"), 500)


def test_their_before_request_may_answer_for_the_api_too(make_app):
    app = Flask("theirs")
    app.before_request(lambda: ("closed for today", 418))

    answer = Caller(make_app(app), KEYS["admin"]).get("/runs")

    assert (answer.status_code, answer.text) == (418, "closed for today")


def test_what_their_before_request_raises_is_answered_by_them(make_app):
    class ClosedError(Exception):
        pass

    def close():
        raise ClosedError

    app = Flask("theirs")
    app.before_request(close)
    app.register_error_handler(ClosedError, lambda _: ("closed for today", 418))

    answer = Caller(make_app(app), KEYS["admin"]).get("/runs")

    assert (answer.status_code, answer.text) == (418, "closed for today")


def test_their_before_request_may_send_callers_of_the_api_elsewhere(make_app):
    app = Flask("theirs")
    app.before_request(lambda: abort(redirect("/login")))

    answer = Caller(make_app(app), KEYS["admin"]).get("/runs")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")


def test_their_after_request_sees_answers_of_the_api(make_app):
    app = Flask("theirs")
    seen = []
    app.after_request(lambda response: seen.append(response.status_code) or response)
    caller = Caller(make_app(app), KEYS["admin"])

    caller.get("/pipelines")
    caller.get("/runs/no-such-run")

    assert seen == [200, 404]


def test_their_own_limit_of_a_body_holds_for_their_routes_alone(make_app):
    app = Flask("theirs")
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/take", view_func=lambda: pypeline.flask and str(len(_body())), methods=["POST"])
    caller = Caller(make_app(app), KEYS["admin"])

    assert caller.client.post("/take", data=b"x" * 11).status_code == 413
    assert caller.post("/pipelines/invoke/hello", {"chain_payload": {"x": "y" * 100}}).status_code == 202


def _body():
    from flask import request

    return request.get_data()


# — probes —


def test_probes_may_be_left_out(make_app):
    found = rules(make_app(extension={"init_probes": False}))

    assert "/api/v1/runs" in found
    assert not found & {"/healthz", "/readyz", "/metrics"}


def test_probes_may_be_had_without_the_api(make_app):
    app = make_app(extension={"init_api": False, "init_probes": True})

    assert app.test_client().get("/healthz").status_code == 200
    assert "/api/v1/runs" not in rules(app)


def test_init_app_may_decide_of_the_probes_too(folder):
    extension, app = FlaskPypeline(init_api=True, init_probes=False), Flask("later")

    extension.init_app(app, init_probes=True)

    assert "/healthz" in rules(app)


def test_a_probe_that_is_theirs_already_stays_theirs_with_its_methods(make_app):
    app = Flask("theirs")
    app.add_url_rule("/healthz", view_func=lambda: "their health", methods=["POST"])
    client = make_app(app).test_client()

    assert client.post("/healthz").text == "their health"
    assert client.get("/healthz").content_type.startswith("text/html")
    assert client.get("/readyz", headers={"accesskey": KEYS["reader"]}).status_code == 200


# — logging —

FAULTY = """
    from flask import Flask
    from pypeline.flask import FlaskPypeline
    app = Flask("shop")
    FlaskPypeline(app, init_api=True)

    @app.get("/breaks")
    def breaks():
        raise ZeroDivisionError("their fault")

    client = app.test_client()
    if {with_a_run}:
        from flask_shop import Caller
        caller = Caller(app)
        caller.ended(caller.invoke())
    client.get("/breaks")
    app.extensions["pypeline"].link.close()
"""


@pytest.mark.parametrize("with_a_run", [False, True])
def test_their_faults_are_seen_whether_runs_are_done_in_this_process_or_not(folder, with_a_run):
    program = textwrap.dedent(FAULTY.format(with_a_run=with_a_run))
    paths = os.pathsep.join([str(Path(flask_shop.__file__).parent), *sys.path])

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("ZeroDivisionError: their fault") == 1
    assert "Exception on /breaks [GET]" in done.stderr


# — imports —


@pytest.mark.parametrize(
    ("package", "part"),
    [("pypeline.flask", "pypeline.flask.access"), ("pypeline.bootstrap", "pypeline.bootstrap.link")],
)
def test_a_module_of_ours_that_is_missing_is_no_missing_extra(tmp_path, package, part):
    program = f"""
        import sys
        sys.modules["{part}"] = None
        try:
            import {package}
        except ModuleNotFoundError as error:
            print(error.name)
    """

    assert in_a_process(tmp_path, program) == part


def test_importing_pypeline_does_not_import_flask(tmp_path):
    assert in_a_process(tmp_path, "import pypeline, sys; print('flask' in sys.modules)") == "False"


def test_without_flask_the_install_command_is_told(tmp_path):
    program = """
        import sys
        sys.modules["flask"] = None
        from pypeline.errors import MissingExtra
        try:
            import pypeline.flask
        except MissingExtra as error:
            print(error)
    """

    assert "pip install 'pypeline[flask]'" in in_a_process(tmp_path, program)
