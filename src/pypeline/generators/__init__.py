"""
Listing files: the keys of a bucket, the files of a folder.

It reads names and sizes and nothing else: no file is opened, nothing is written, nothing is known of runs.
What is asked of a listing is decided in `selection`, alike for every kind of storage; an error of a storage
becomes one of ours where that storage is spoken to. boto3 is loaded when an `S3KeyGenerator` is made.
"""

from pypeline.generators.base import KeyGenerator
from pypeline.generators.local import LocalKeyGenerator
from pypeline.generators.s3 import S3KeyGenerator
from pypeline.generators.selection import Selection

__all__ = ["KeyGenerator", "LocalKeyGenerator", "S3KeyGenerator", "Selection"]
