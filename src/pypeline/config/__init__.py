"""
``sermos.yaml`` and the settings, turned into values: every fault at once, each with its place and its remedy.

Reads files and the environment; imports the user's handlers only where asked. Knows no
store, no broker and no door.
"""

from __future__ import annotations

from pypeline.config.check import importable
from pypeline.config.config import Config, load_config
from pypeline.config.findings import Finding
from pypeline.config.payload import validate_payload
from pypeline.config.places import find_config
from pypeline.config.plans import plan_from_document
from pypeline.config.schema import json_schema
from pypeline.config.settings import Settings, read_environment

__all__ = [
    "Config",
    "Finding",
    "Settings",
    "find_config",
    "importable",
    "json_schema",
    "load_config",
    "plan_from_document",
    "read_environment",
    "validate_payload",
]
