"""What document-stats counts in the texts that ship with it, against ``wc``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "documents"
BATCH = 8

if str(EXAMPLE) not in sys.path:
    sys.path.insert(0, str(EXAMPLE))

from document_stats import handlers  # noqa: E402 - the example's folder has to be importable first
from document_stats.stopwords import STOP_WORDS  # noqa: E402

needs_wc = pytest.mark.skipif(shutil.which("wc") is None, reason="wc is not installed")


def run(event: dict) -> tuple[dict, list[dict]]:
    """The report and the batches: the handlers in a run's order, their results through JSON as in a store."""
    names = stored(handlers.list_files(event))
    batches = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
    count = [
        stored(handlers.count_files({**event, "items": items, "index": index}))
        for index, items in enumerate(batches)
    ]
    merge = stored(handlers.merge_counts(event, count))
    terms = stored(handlers.rank_terms(event, count))
    chart = stored(handlers.draw_chart(event, merge, terms))
    return stored(handlers.write_report(event, count, merge, terms, chart)), count


def stored(result):
    return json.loads(json.dumps(result))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run({"output": str(tmp_path_factory.mktemp("out"))})


def wc(files: list[Path]) -> dict[str, tuple[int, int, int]]:
    """Lines, words and bytes of each file by its name, and under ``total`` of all."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    shown = subprocess.run(
        ["wc", "-lwc", *files], capture_output=True, text=True, check=True, env=environment
    )
    rows = [line.split(maxsplit=3) for line in shown.stdout.splitlines()]
    return {Path(name).name: (int(lines), int(words), int(size)) for lines, words, size, name in rows}


@needs_wc
def test_totals_of_the_shipped_texts_are_those_of_wc(finished):
    report, _ = finished
    files = sorted((EXAMPLE / "texts").iterdir())

    assert report["files"] == len(files)
    assert (report["lines"], report["words"], report["bytes"]) == wc(files)["total"]


@needs_wc
def test_each_document_of_the_report_is_counted_as_wc_counts_it(finished):
    report, _ = finished
    rows = json.loads(Path(report["report"]).read_text(encoding="utf-8"))["documents"]
    counted = {row["name"]: (row["lines"], row["words"], row["bytes"]) for row in rows}
    expected = wc(sorted((EXAMPLE / "texts").iterdir()))
    del expected["total"]

    assert counted == expected


def test_the_shipped_texts_are_enough_to_be_real():
    files = list((EXAMPLE / "texts").iterdir())

    assert len(files) >= 40
    assert sum(file.stat().st_size for file in files) >= 1_000_000
    assert all(file.is_file() and b"\r" not in file.read_bytes() for file in files)


def test_the_top_terms_are_exact(finished):
    report, _ = finished
    text = "\n".join(file.read_text(encoding="utf-8") for file in (EXAMPLE / "texts").iterdir()).lower()
    words = (word.removesuffix("'s") for word in re.findall(r"[a-z]+(?:'[a-z]+)*", text))
    expected = Counter(word for word in words if len(word) > 1 and word not in STOP_WORDS)

    assert report["terms_missed"] == 0
    assert all(expected[term] == number for term, number in report["terms"])
    assert [number for _, number in report["terms"]] == [number for _, number in expected.most_common(20)]


def test_no_result_is_near_the_limit_of_a_result(finished):
    report, count = finished

    assert max(len(json.dumps(result)) for result in [report, *count]) < 256 * 1024 / 2


def test_the_chart_is_on_the_disk(finished):
    report, _ = finished

    assert Path(report["chart"]).read_text(encoding="utf-8").startswith("<svg ")


def test_the_job_is_quick(tmp_path):
    started = time.process_time()
    run({"output": str(tmp_path)})

    assert time.process_time() - started < 3
