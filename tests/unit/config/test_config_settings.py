from __future__ import annotations

from pathlib import Path

import pytest

from pypeline.config import Settings, find_config
from pypeline.config.settings import AccessKey
from pypeline.errors import ConfigurationNotFound, InvalidSetting


def test_without_variables_everything_is_embedded(tmp_path):
    settings = Settings.load({}, folder=tmp_path)

    assert settings.embedded
    assert settings.database_url == "sqlite:///pypeline.db"
    assert settings.broker_url.startswith("amqp://")
    assert settings.app_name == tmp_path.name
    assert settings.require_database() == settings.database_url
    assert (settings.lease, settings.shutdown_grace, settings.cancel_grace) == (30, 30, 10)
    assert settings.result_limit == 256 * 1024


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("PYPELINE_BROKER_URL", "CELERY_BROKER_URL", "broker"),
        ("SERMOS_CLIENT_PKG_NAME", "PYPELINE_CLIENT_PKG_NAME", "client_package"),
        ("SERMOS_YAML_PATH", "PYPELINE_YAML_PATH", "yaml_path"),
    ],
)
def test_the_first_of_two_names_wins_and_the_second_serves(tmp_path, first, second, name):
    both = Settings.load({first: "a://1", second: "b://2"}, folder=tmp_path)
    other = Settings.load({first: "", second: "b://2"}, folder=tmp_path)

    assert (getattr(both, name), getattr(other, name)) == ("a://1", "b://2")


def test_a_dotenv_file_is_read_and_the_environment_wins_over_it(tmp_path):
    (tmp_path / ".env").write_text("PYPELINE_APP=file\nPYPELINE_LEASE=5\nEMPTY\n")

    settings = Settings.load({"PYPELINE_APP": "real"}, folder=tmp_path)

    assert (settings.app_name, settings.lease) == ("real", 5)
    assert "EMPTY" not in settings.environment


def test_the_process_environment_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYPELINE_APP", "mine")

    assert Settings.load().app_name == "mine"


def test_a_dotenv_that_is_no_text_is_refused(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")

    with pytest.raises(InvalidSetting, match="cannot be read"):
        Settings.load({}, folder=tmp_path)


def test_a_broker_needs_a_database(tmp_path):
    settings = Settings.load({"CELERY_BROKER_URL": "amqp://host"}, folder=tmp_path)

    assert not settings.embedded
    with pytest.raises(InvalidSetting, match="PYPELINE_DATABASE_URL: is not set"):
        settings.require_database()


def test_a_broker_with_a_database_is_production(tmp_path):
    env = {"CELERY_BROKER_URL": "amqp://host", "PYPELINE_DATABASE_URL": "postgresql://host/db"}

    assert Settings.load(env, folder=tmp_path).require_database() == "postgresql://host/db"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PYPELINE_LEASE", "soon", "no number of seconds"),
        ("PYPELINE_LEASE", "0", "above 0"),
        ("PYPELINE_SHUTDOWN_GRACE", "-1", "from 0 up"),
        ("PYPELINE_CANCEL_GRACE", "nan", "from 0 up"),
        ("PYPELINE_RESULT_LIMIT", "1GB", "no size"),
        ("PYPELINE_RESULT_LIMIT", "0", "no size"),
        ("PYPELINE_ENGINE", "magic", "not one of native, dyrygent"),
        ("PYPELINE_TIMEZONE", "Mars/Base", "no IANA time zone"),
        ("PYPELINE_TIMEZONE", "../etc", "no IANA time zone"),
        ("LOG_LEVEL", "loud", "not one of"),
        ("PYPELINE_LOG_FORMAT", "xml", "not one of text, json"),
        ("PYPELINE_BROKER_URL", "localhost", "is no URL"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin", "key 1 is not of the form"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin:s3cret,bob:boss:pw", "key 2 has an unknown role"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin:a,ann:reader:b", "the same name"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin:a,bob:reader:b,cy:reader:a", "keys 1 and 3 have the same secret"),
        ("PYPELINE_ACCESS_KEYS", ",", "holds no key"),
        ("PYPELINE_ACCESS_KEYS", " , ", "holds no key"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin: ", "key 1 is not of the form"),
        ("PYPELINE_ACCESS_KEYS", "ann :admin:a,ann:reader:b", "the same name"),
        ("PYPELINE_ACCESS_KEYS", "ann:admin: a,bob:reader:a", "keys 1 and 2 have the same secret"),
    ],
)
def test_a_bad_value_names_its_variable(tmp_path, variable, value, words):
    with pytest.raises(InvalidSetting, match=words) as caught:
        Settings.load({variable: value}, folder=tmp_path)

    assert caught.value.variable == variable
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("text", "size"), [("100", 100), ("256KB", 262144), ("2 mb", 2097152), ("1k", 1024)])
def test_sizes_take_units(tmp_path, text, size):
    assert Settings.load({"PYPELINE_RESULT_LIMIT": text}, folder=tmp_path).result_limit == size


def test_levels_and_choices_are_understood_in_any_case(tmp_path):
    settings = Settings.load({"LOG_LEVEL": "debug", "PYPELINE_LOG_FORMAT": "JSON"}, folder=tmp_path)

    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")


def test_access_keys_are_several_or_one(tmp_path):
    several = Settings.load({"PYPELINE_ACCESS_KEYS": "ann:admin:a:b, bob:reader:c,"}, folder=tmp_path)
    single = Settings.load({"PYPELINE_ACCESS_KEY": "x"}, folder=tmp_path)

    assert several.access_keys == (AccessKey("ann", "admin", "a:b"), AccessKey("bob", "reader", "c"))
    assert single.access_keys == (AccessKey("admin", "admin", "x"),)


def test_blanks_around_the_parts_of_a_key_are_not_of_it(tmp_path):
    settings = Settings.load({"PYPELINE_ACCESS_KEYS": " ann : admin : a b "}, folder=tmp_path)

    assert settings.access_keys == (AccessKey("ann", "admin", "a b"),)


@pytest.mark.parametrize(
    ("over", "secrets"),
    [
        ({"PYPELINE_ACCESS_KEY": "mine"}, ["mine"]),
        ({"PYPELINE_ACCESS_KEYS": "ann:admin:mine"}, ["mine"]),
        ({"PYPELINE_ACCESS_KEYS": "ann:admin:first", "PYPELINE_ACCESS_KEY": "second"}, ["first"]),
        ({"PYPELINE_ACCESS_KEY": None}, ["theirs"]),
        ({"PYPELINE_ACCESS_KEYS": None}, ["alone"]),
        ({"PYPELINE_ACCESS_KEYS": " "}, ["alone"]),
        ({"PYPELINE_ACCESS_KEYS": None, "PYPELINE_ACCESS_KEY": None}, []),
    ],
    ids=repr,
)
def test_keys_that_are_given_under_one_name_win_over_both_of_the_environment(tmp_path, over, secrets):
    env = {"PYPELINE_ACCESS_KEYS": "bob:admin:theirs", "PYPELINE_ACCESS_KEY": "alone"}

    settings = Settings.load(env, folder=tmp_path, over=over)

    assert [key.secret for key in settings.access_keys] == secrets


def test_secrets_are_not_shown(tmp_path):
    env = {"PYPELINE_ACCESS_KEY": "s3cret", "PYPELINE_DATABASE_URL": "postgresql://u:s3cret@h/d"}

    assert "s3cret" not in repr(Settings.load(env, folder=tmp_path))


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("pipelines: {}\n")
    return path


def test_the_path_that_is_given_wins(tmp_path):
    given = _file(tmp_path / "given.yaml")
    _file(tmp_path / "sermos.yaml")
    settings = Settings.load({"PYPELINE_CONFIG": "other.yaml"}, folder=tmp_path)

    assert find_config(settings, Path("given.yaml")) == given


def test_the_variable_comes_before_the_package(tmp_path):
    named = _file(tmp_path / "named.yaml")
    _file(tmp_path / "shop" / "sermos.yaml")
    settings = Settings.load(
        {"PYPELINE_CONFIG": "named.yaml", "SERMOS_CLIENT_PKG_NAME": "shop"}, folder=tmp_path
    )

    assert find_config(settings) == named


@pytest.mark.parametrize("place", ["web_shop", "src/web_shop"])
def test_the_file_in_the_client_package_comes_before_that_of_the_folder(tmp_path, place):
    inside = _file(tmp_path / place / "conf" / "flow.yaml")
    _file(tmp_path / "sermos.yaml")
    env = {"SERMOS_CLIENT_PKG_NAME": "web-shop.conf", "SERMOS_YAML_PATH": "flow.yaml"}

    assert find_config(Settings.load(env, folder=tmp_path)) == inside


def test_an_installed_package_is_found_without_importing_it(tmp_path, monkeypatch):
    inside = _file(tmp_path / "site" / "far_shop" / "sermos.yaml")
    (inside.parent / "__init__.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    settings = Settings.load({"SERMOS_CLIENT_PKG_NAME": "far_shop"}, folder=tmp_path)

    assert find_config(settings) == inside


def test_the_file_of_the_working_folder_comes_last(tmp_path, monkeypatch):
    _file(tmp_path / "sermos.yaml")
    monkeypatch.chdir(tmp_path)

    assert find_config(Settings.load({"SERMOS_CLIENT_PKG_NAME": "nobody_has_this"})) == Path("sermos.yaml")


def test_a_missing_file_tells_where_it_was_looked_for(tmp_path):
    with pytest.raises(ConfigurationNotFound, match=r"absent\.yaml"):
        find_config(Settings.load({}, folder=tmp_path), Path("absent.yaml"))


@pytest.mark.parametrize(
    ("written", "prefix"), [("", "shop:"), ("none", ""), ("None", ""), ("team:shop:", "team:shop:")]
)
def test_the_keys_on_redis_begin_with_the_application_or_what_is_said(tmp_path, written, prefix):
    variables = {"PYPELINE_APP": "shop", "PYPELINE_REDIS_PREFIX": written}

    assert Settings.load(variables, folder=tmp_path).key_prefix == prefix
