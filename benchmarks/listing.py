"""
What listing costs: our generators beside boto3's bare paginator and a sorted `os.scandir`.

    python benchmarks/listing.py [--keys 200000] [--rounds 3] [--json]

Each listing is made in a process of its own, in turns within a round, and measured from making the client
to the last key. Seconds are medians of the rounds, ``to bare`` is the median of the ratios to the bare
listing of the same round, ``memory`` the highest peak of resident memory of the whole process, boto3
included. The bucket is served on this machine by `list_server`; the folder is a temporary one, with as many
empty files. Needs the extra ``s3``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from list_server import PREFIX, list_server

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class Spent:
    """One listing: seconds of wall time and of CPU, and the peak of its process in MB."""

    seconds: float
    cpu: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Row:
    """The rounds of one way to list."""

    place: str
    way: str
    keys: int
    seconds: float
    to_bare: float
    cpu: float
    megabytes: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [*of_a_bucket(given.keys, given.rounds), *of_a_folder(given.keys, given.rounds)]
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table(rows))


def of_a_bucket(keys: int, rounds: int) -> list[Row]:
    """Every way to list a bucket; the first is the bare one."""
    ways = {"paginator": bare_paginator, "iter_files": streamed_bucket, "list_files": listed_bucket}
    with list_server(keys) as url:
        return measured("bucket", ways, url, keys, rounds)


def of_a_folder(keys: int, rounds: int) -> list[Row]:
    """Every way to list a folder; the first is the bare one."""
    ways = {"sorted scandir": bare_scandir, "iter_files": streamed_folder, "list_files": listed_folder}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(keys):
            (Path(folder) / f"{number:08}.txt").touch()
        return measured("folder", ways, folder, keys, rounds)


def measured(
    place: str, ways: dict[str, Callable[[str], int]], target: str, keys: int, rounds: int
) -> list[Row]:
    """All rounds of all ways."""
    turns = [{way: _apart(lists, target, keys) for way, lists in ways.items()} for _ in range(rounds)]
    bare = next(iter(ways))
    return [
        Row(
            place,
            way,
            keys,
            median(turn[way].seconds for turn in turns),
            median(turn[way].seconds / turn[bare].seconds for turn in turns),
            median(turn[way].cpu for turn in turns),
            max(turn[way].megabytes for turn in turns),
        )
        for way in ways
    ]


def _apart(lists: Callable[[str], int], target: str, keys: int) -> Spent:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_spent, lists, target, keys).result()


def _spent(lists: Callable[[str], int], target: str, keys: int) -> Spent:
    started = time.perf_counter()
    worked = time.process_time()
    found = lists(target)
    cpu = time.process_time() - worked
    seconds = time.perf_counter() - started
    assert found == keys, f"{found} of {keys} keys"
    return Spent(seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def bare_paginator(url: str) -> int:
    """What boto3's documentation shows."""
    import boto3  # noqa: PLC0415 - loaded in the process that is measured

    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX, Delimiter="/")
    return sum(1 for page in pages for found in page["Contents"] if found["Key"])


def streamed_bucket(url: str) -> int:
    """Keys that are counted and forgotten."""
    from pypeline.generators import S3KeyGenerator  # noqa: PLC0415 - as above

    with S3KeyGenerator("a", "b", "us-east-1", endpoint_url=url) as generator:
        return sum(1 for _ in generator.iter_files(BUCKET, PREFIX))


def listed_bucket(url: str) -> int:
    """All keys in one list."""
    from pypeline.generators import S3KeyGenerator  # noqa: PLC0415 - as above

    with S3KeyGenerator("a", "b", "us-east-1", endpoint_url=url) as generator:
        return len(generator.list_files(BUCKET, PREFIX))


def bare_scandir(folder: str) -> int:
    """The same order, with no option."""
    with os.scandir(folder) as entries:
        return len(sorted(os.fsencode(entry.name) for entry in entries if entry.is_file()))


def streamed_folder(folder: str) -> int:
    """Paths that are counted and forgotten."""
    from pypeline.generators import LocalKeyGenerator  # noqa: PLC0415 - as above

    return sum(1 for _ in LocalKeyGenerator().iter_files(folder))


def listed_folder(folder: str) -> int:
    """All paths in one list."""
    from pypeline.generators import LocalKeyGenerator  # noqa: PLC0415 - as above

    return len(LocalKeyGenerator().list_files(folder))


def table(rows: list[Row]) -> str:
    """The rows for people."""
    names = "| place | way | keys | s | to bare | CPU s | memory MB |"
    header = f"{names}\n| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    lines = [
        f"| {row.place} | {row.way} | {row.keys:,} | {row.seconds:.2f} | {row.to_bare:.2f} | {row.cpu:.2f} "
        f"| {row.megabytes:.0f} |"
        for row in rows
    ]
    return "\n".join([header, *lines])


if __name__ == "__main__":
    main()
