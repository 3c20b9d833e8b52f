from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pypeline.cli.options import payload_option, timeout_option


@click.command()
@payload_option
@timeout_option
def command(payload, timeout):
    click.echo(repr((payload, timeout)))


def invoke(*arguments, **options):
    return CliRunner().invoke(command, arguments, **options)


def test_without_options_the_payload_is_empty_and_nothing_times_out():
    assert invoke().output == "({}, None)\n"


def test_a_payload_is_json():
    assert invoke("--payload", '{"a": [1]}').output == "({'a': [1]}, None)\n"


def test_a_payload_comes_from_a_file(tmp_path):
    (tmp_path / "p.json").write_text('{"a": "ä"}', encoding="utf-8")

    assert "{'a': 'ä'}" in invoke("--payload", f"@{tmp_path / 'p.json'}").output


def test_a_payload_comes_from_stdin():
    assert "{'b': 2}" in invoke("--payload", "@-", input='{"b": 2}').output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "not a list"),
        ("1.5", "not a number"),
        ("null", "not a null"),
        ("{'a': 1}", "no JSON"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "no JSON"),
        ("@missing.json", "missing.json cannot be read"),
    ],
)
def test_what_is_no_payload_is_told_with_the_option(text, said):
    done = invoke("--payload", text)

    assert done.exit_code == 2
    assert said in done.stderr
    assert "--payload" in done.stderr


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "p").write_bytes(b"\xff\xfe")

    assert "is not UTF-8" in invoke("--payload", f"@{tmp_path / 'p'}").stderr


def test_a_timeout_has_a_unit_if_it_likes():
    assert invoke("--timeout", "2m").output == "({}, 120.0)\n"


def test_a_timeout_of_nothing_is_refused():
    done = invoke("--timeout", "0")

    assert done.exit_code == 2
    assert "is no duration" in done.stderr
