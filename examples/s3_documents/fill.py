"""Make the bucket that DOCUMENTS_BUCKET names, and put the texts of ``examples/documents`` into it."""

from __future__ import annotations

import os
from pathlib import Path

from bucket_stats.client import make_s3

TEXTS = Path(__file__).resolve().parent.parent / "documents" / "texts"


def main() -> None:
    bucket = os.environ.get("DOCUMENTS_BUCKET", "documents")
    s3 = make_s3()
    s3.create_bucket(Bucket=bucket)
    texts = sorted(TEXTS.iterdir())
    for text in texts:
        s3.put_object(Bucket=bucket, Key=f"texts/{text.name}", Body=text.read_bytes())
    print(f"{len(texts)} documents in {bucket}/texts")


if __name__ == "__main__":
    main()
