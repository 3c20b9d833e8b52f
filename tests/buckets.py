"""What stands for a bucket: behind a URL, with folders that are there as long as something is in them."""

from __future__ import annotations

from typing import ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

PROTOCOL = "bucket"


class Buckets(MemoryFileSystem):
    """Everything under ``bucket://``, in memory; a bucket is there once `make_bucket` was called."""

    protocol = PROTOCOL
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.removeprefix(f"{PROTOCOL}://"))
        return stripped


def make_bucket(name: str) -> str:
    """An empty bucket, and none besides; its URL."""
    fsspec.register_implementation(PROTOCOL, Buckets, clobber=True)
    Buckets.store.clear()
    Buckets.pseudo_dirs[:] = ["", f"/{name}"]
    return f"{PROTOCOL}://{name}"
