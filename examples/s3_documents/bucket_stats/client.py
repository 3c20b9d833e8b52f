"""The tool ``s3``."""

from __future__ import annotations

from typing import Any

import boto3


def make_s3() -> Any:
    """A client of the store that the environment names, with the credentials that boto3 finds there."""
    return boto3.client("s3")
