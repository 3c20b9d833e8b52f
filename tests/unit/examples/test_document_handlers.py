from __future__ import annotations

import json
import os

import pytest
from document_stats import counting, handlers, places

import pypeline


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    return folder


def batch(**terms: int) -> dict:
    row = {"name": "a.txt", "bytes": 10, "lines": 1, "words": 2, "sentences": 1}
    return {"files": [row], "terms": terms, "missed": 0}


def test_only_regular_files_of_the_folder_itself_are_listed(texts):
    (texts / "b.txt").write_text("b")
    (texts / "a b%.txt").write_text("a")
    (texts / ".hidden").write_text("no")
    (texts / "deeper").mkdir()
    (texts / "deeper" / "c.txt").write_text("no")
    (texts / "nowhere").symlink_to(texts / "missing")
    os.mkfifo(texts / "pipe")

    assert handlers.list_files({"folder": str(texts)}) == ["a%20b%25.txt", "b.txt"]


def test_an_empty_folder_lists_nothing(texts):
    assert handlers.list_files({"folder": str(texts)}) == []


def test_without_a_folder_the_shipped_texts_are_listed():
    names = handlers.list_files({})

    assert len(names) >= 40
    assert "persuasion-01.txt" in names


def test_a_relative_folder_starts_at_the_working_folder(texts, monkeypatch):
    (texts / "a.txt").write_text("a")
    monkeypatch.chdir(texts.parent)

    assert handlers.list_files({"folder": "texts"}) == ["a.txt"]
    assert handlers.list_files({"folder": "./texts/."}) == ["a.txt"]


def test_a_tilde_is_the_home_folder(texts, monkeypatch):
    monkeypatch.setenv("HOME", str(texts))
    (texts / "a.txt").write_text("a")

    assert handlers.list_files({"folder": "~"}) == ["a.txt"]


def test_a_missing_folder_fails_with_what_to_do(texts):
    with pytest.raises(pypeline.Fail, match=r'missing does not exist: set "folder" in the payload'):
        handlers.list_files({"folder": str(texts / "missing")})


def test_a_file_in_place_of_a_folder_fails(texts):
    (texts / "a.txt").write_text("a")

    with pytest.raises(pypeline.Fail, match=r"a\.txt is no folder"):
        handlers.list_files({"folder": str(texts / "a.txt")})


@pytest.mark.parametrize("value", ["", 5, True, ["texts"], {"a": 1}, "nul\0", "\ud800", "x" * 5000])
def test_what_cannot_be_a_folder_fails_without_another_attempt(value):
    with pytest.raises(pypeline.Fail, match="folder"):
        handlers.list_files({"folder": value})


def test_a_file_name_that_is_no_text_is_counted_and_shown(texts):
    (texts / os.fsdecode(b"caf\xe9 100%.txt")).write_bytes(b"one two\n")
    event = {"folder": str(texts)}

    [name] = handlers.list_files(event)
    counted = handlers.count_files({**event, "items": [name]})

    assert name == "caf%E9%20100%25.txt"
    assert counted["files"] == [
        {"name": "caf\ufffd 100%.txt", "bytes": 8, "lines": 1, "words": 2, "sentences": 0}
    ]


def test_a_batch_has_a_row_for_each_file_and_the_terms_of_all(texts):
    (texts / "a.txt").write_text("Horses run.\n")
    (texts / "b.txt").write_text("horses sleep")

    counted = handlers.count_files({"folder": str(texts), "items": ["b.txt", "a.txt"], "index": 0})

    assert [row["name"] for row in counted["files"]] == ["b.txt", "a.txt"]
    assert counted["terms"] == {"horses": 2, "run": 1, "sleep": 1}
    assert counted["missed"] == 0


def test_with_a_batch_size_of_one_the_item_is_counted(texts):
    (texts / "a.txt").write_text("one")

    assert len(handlers.count_files({"folder": str(texts), "item": "a.txt"})["files"]) == 1


def test_a_file_that_is_gone_fails_by_its_name(texts):
    with pytest.raises(pypeline.Fail, match=r"gone\.txt was removed"):
        handlers.count_files({"folder": str(texts), "items": ["gone.txt"]})


def test_a_batch_with_a_huge_vocabulary_stays_under_the_limit_of_a_result(texts, monkeypatch):
    letters = "abcdefghijklmnopqrst"
    (texts / "a.txt").write_text(
        "common common "
        + " ".join(f"{a}{b}{c}{d}é" for a in letters for b in letters for c in letters for d in letters)
    )

    counted = handlers.count_files({"folder": str(texts), "items": ["a.txt"]})

    assert len(json.dumps(counted)) < 256 * 1024
    assert counted["terms"]["common"] == 2
    assert counted["missed"] == 1


def test_totals_are_the_sums_over_all_batches():
    merged = handlers.merge_counts({}, [batch(), batch(), batch()])

    assert merged["files"] == 3
    assert (merged["bytes"], merged["lines"], merged["words"], merged["sentences"]) == (30, 3, 6, 3)
    assert merged["longest"] == [("a.txt", 2)] * 3


def test_only_the_longest_files_are_kept_by_name():
    rows = [{"name": f"{n:03}", "bytes": 0, "lines": 0, "words": n, "sentences": 0} for n in range(50)]
    merged = handlers.merge_counts({}, [{"files": rows[:30]}, {"files": rows[30:]}])

    assert merged["longest"][0] == ("049", 49)
    assert len(merged["longest"]) == handlers.LONGEST_FILES


def test_terms_are_ranked_over_all_batches():
    ranked = handlers.rank_terms({}, [batch(pear=2, fig=1), batch(fig=2, apple=2)])

    assert ranked == {"terms": [("fig", 3), ("apple", 2), ("pear", 2)], "missed": 0}


def test_what_batches_missed_adds_up():
    assert handlers.rank_terms({}, [{**batch(), "missed": 2}, {**batch(), "missed": 1}])["missed"] == 3


def test_without_files_everything_is_zero_and_still_written(tmp_path):
    event = {"output": str(tmp_path / "out")}
    merged, terms = handlers.merge_counts(event, []), handlers.rank_terms(event, [])

    report = handlers.write_report(event, [], merged, terms, handlers.draw_chart(event, merged, terms))

    assert (report["files"], report["bytes"], report["lines"], report["words"]) == (0, 0, 0, 0)
    assert report["terms"] == []


def test_the_report_has_a_row_for_each_document(tmp_path):
    event = {"output": str(tmp_path / "deep" / "out")}
    count = [batch(pear=2)]

    report = handlers.write_report(
        event, count, handlers.merge_counts(event, count), handlers.rank_terms(event, count), "chart.svg"
    )
    written = json.loads((tmp_path / "deep" / "out" / "report.json").read_text())

    assert report["report"] == str(tmp_path / "deep" / "out" / "report.json")
    assert written["documents"] == count[0]["files"]
    assert written["words"] == report["words"] == 2
    assert written["chart"] == "chart.svg"


def test_a_report_without_a_chart_is_still_a_report(tmp_path):
    event = {"output": str(tmp_path)}

    report = handlers.write_report(
        event, [], handlers.merge_counts(event, []), handlers.rank_terms(event, []), None
    )

    assert report["chart"] is None


def test_when_nothing_was_counted_the_report_is_skipped(tmp_path):
    with pytest.raises(pypeline.Skip):
        handlers.write_report({"output": str(tmp_path)}, [], None, None, None)

    assert list(tmp_path.iterdir()) == []


def test_to_write_again_leaves_one_file(tmp_path):
    event = {"output": str(tmp_path)}
    places.write(event, "report.json", "old")
    path = places.write(event, "report.json", "new")

    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "new"
    assert path == str(tmp_path / "report.json")


def test_the_report_goes_to_the_working_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert places.write({}, "report.json", "{}") == "report/report.json"
    assert (tmp_path / "report" / "report.json").is_file()


@pytest.mark.parametrize("output", ["taken", "taken/deeper"])
def test_an_output_that_is_a_file_fails_with_what_to_do(tmp_path, output):
    (tmp_path / "taken").write_text("mine")

    with pytest.raises(pypeline.Fail, match='set "output" to a folder'):
        places.write({"output": str(tmp_path / output)}, "report.json", "{}")


def test_every_handler_returns_what_json_holds(texts, tmp_path):
    (texts / "a.txt").write_text("Horses run. Horses sleep.\n")
    event = {"folder": str(texts), "output": str(tmp_path / "out")}
    names = handlers.list_files(event)
    count = [handlers.count_files({**event, "items": names, "index": 0})]
    merged, terms = handlers.merge_counts(event, count), handlers.rank_terms(event, count)
    chart = handlers.draw_chart(event, merged, terms)
    results = [names, count, merged, terms, chart, handlers.write_report(event, count, merged, terms, chart)]

    assert json.loads(json.dumps(results))[-1]["terms"] == [["horses", 2], ["run", 1], ["sleep", 1]]


def test_totals_name_what_a_tally_has():
    assert set(handlers.TOTALS) < set(vars(counting.Tally()))
