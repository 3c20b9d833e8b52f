"""
The nodes of ``s3-documents`` that are functions; ``list`` is none.

A document goes by the name that ``list`` gives it: the bucket, a slash, and its key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pypeline

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 10
TOTALS = ("bytes", "lines", "words")


def count_documents(event: dict[str, Any], tools: Any) -> list[dict[str, Any]]:
    """A row for each document of a batch: its name and its counts."""
    return [{"name": name, **_counts(_read(tools.s3, name))} for name in event["items"]]


def write_report(event: dict[str, Any], tools: Any, count: Iterable[list[dict[str, Any]]]) -> dict[str, Any]:
    """
    The totals, the longest documents, and the name of the object that holds them with all rows.

    The object is called after the run: to write it again changes nothing.
    """
    rows = [row for batch in count for row in batch]
    if not rows:
        raise pypeline.Skip("there are no documents: see the folder in the payload")
    longest = sorted(rows, key=lambda row: (-row["words"], row["name"]))[:LONGEST]
    summary = {
        "documents": len(rows),
        **{total: sum(row[total] for row in rows) for total in TOTALS},
        "longest": [[row["name"], row["words"]] for row in longest],
    }
    report = f"{_bucket(rows[0]['name'])}/reports/{event['execution_id']}.json"
    _write(tools.s3, report, json.dumps({**summary, "rows": rows}, indent=2) + "\n")
    return {**summary, "report": report}


def _counts(body: bytes) -> dict[str, int]:
    return {"bytes": len(body), "lines": body.count(b"\n"), "words": len(body.split())}


def _read(s3: Any, name: str) -> bytes:
    try:
        body: bytes = s3.get_object(Bucket=_bucket(name), Key=_key(name))["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise pypeline.Fail(f"{name} was removed after it was listed: run the pipeline again") from error
    return body


def _write(s3: Any, name: str, text: str) -> None:
    s3.put_object(Bucket=_bucket(name), Key=_key(name), Body=text.encode())


def _bucket(name: str) -> str:
    return name.partition("/")[0]


def _key(name: str) -> str:
    return name.partition("/")[2]
