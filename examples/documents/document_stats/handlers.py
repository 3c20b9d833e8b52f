"""
The nodes of ``document-stats``, in the order in which they run.

Each takes ``event``: the run's payload and a few keys of the run. A parameter with a node's name receives
that node's result: ``merge_counts(event, count)`` reads what the batches of ``count`` returned, in their
order. All of them are plain functions: a test calls them with a dictionary and a list.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pypeline
from document_stats import counting, drawing, places

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

TOP_TERMS = 20
LONGEST_FILES = 20
TOTALS = ("bytes", "lines", "words", "sentences")


def list_files(event: dict[str, Any]) -> list[str]:
    """
    The names of the folder's files, one item of ``count`` each.

    They are percent-encoded, as in a URL, for a file name need not be text. Plain names stay as they are.
    """
    folder = places.folder(event)
    names = places.file_names(folder)
    logger.info("%d files in %s", len(names), folder)
    return names


def count_files(event: dict[str, Any]) -> dict[str, Any]:
    """
    The counts of a batch: a row for each file, and how often each term occurs in all of them.

    ``missed`` says how short a term's count may be: 0 if all terms fitted into the result.
    """
    names = event["items"] if "items" in event else [event["item"]]
    folder = places.folder(event)
    terms: Counter[str] = Counter()
    files = []
    for name in names:
        with places.open_file(folder, name) as file:
            tally = counting.count(file)
        terms.update(tally.terms)
        files.append({"name": places.readable(name), **{key: getattr(tally, key) for key in TOTALS}})
    kept, missed = counting.most_frequent(terms)
    return {"files": files, "terms": kept, "missed": missed}


def merge_counts(event: dict[str, Any], count: Iterable[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001 - every handler takes event
    """The totals of all files, and the longest files by words."""
    files = 0
    totals = dict.fromkeys(TOTALS, 0)
    longest: list[tuple[str, int]] = []
    for batch in count:
        files += len(batch["files"])
        for key in TOTALS:
            totals[key] += sum(row[key] for row in batch["files"])
        longest += [(row["name"], row["words"]) for row in batch["files"]]
        longest = sorted(longest, key=lambda row: (-row[1], row[0]))[:LONGEST_FILES]
    return {"files": files, **totals, "longest": longest}


def rank_terms(event: dict[str, Any], count: Iterable[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001 - every handler takes event
    """The most frequent terms of all files; a count is short by at most ``missed``."""
    terms: Counter[str] = Counter()
    missed = 0
    for batch in count:
        terms.update(batch["terms"])
        missed += batch["missed"]
    return {"terms": counting.ranked(terms)[:TOP_TERMS], "missed": missed}


def draw_chart(event: dict[str, Any], merge: dict[str, Any], terms: dict[str, Any]) -> str:
    """The path of an SVG file with the most frequent terms and the longest files."""
    title = str(event.get("title", "Documents"))
    summary = f"{merge['words']:,} words and {merge['sentences']:,} sentences in {merge['files']:,} files"
    panels = [
        drawing.Panel("Most frequent terms", "occurrences", terms["terms"]),
        drawing.Panel("Longest files", "words", merge["longest"]),
    ]
    return places.write(event, "report.svg", drawing.bar_chart(title, summary, panels))


def write_report(
    event: dict[str, Any],
    count: Iterable[dict[str, Any]],
    merge: dict[str, Any] | None,
    terms: dict[str, Any] | None,
    chart: str | None,
) -> dict[str, Any]:
    """
    The totals, the most frequent terms and the paths of what was written.

    ``triggerRule: all_done`` calls it whatever became of the nodes before: what failed is ``None`` here. The
    file holds a row for each document as well; the result does not, so that it stays small for any folder.
    """
    if merge is None or terms is None:
        raise pypeline.Skip("nothing was counted: see the node that failed")
    totals = {key: merge[key] for key in ("files", *TOTALS)}
    summary = {**totals, "terms": terms["terms"], "terms_missed": terms["missed"], "chart": chart}
    rows = [row for batch in count for row in batch["files"]]
    document = {"folder": places.readable(places.folder(event)), **summary, "documents": rows}
    path = places.write(event, "report.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return {**summary, "report": path}
