"""The JSON Schema of ``sermos.yaml``, for editors."""

from __future__ import annotations

from typing import Any

from pypeline.config.models import SermosFile
from pypeline.config.validation import ANCESTRAL

_VARIABLE = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:[^}]*)?\}$"}
_NOT_TEXT = ("integer", "number", "boolean")
_DESCRIPTION = "Pipelines, their workers and schedules. Text may hold ${VAR} or ${VAR:default}."


def json_schema() -> dict[str, Any]:
    """The schema, with descriptions. A number or a boolean may be written as ``${VAR}`` too."""
    schema: dict[str, Any] = _with_variables(SermosFile.model_json_schema(by_alias=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "sermos.yaml",
        "description": _DESCRIPTION,
    }


def _with_variables(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_variables(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") in _NOT_TEXT:
        outer = {key: part[key] for key in ("description", "default", "title") if key in part}
        return {**outer, "anyOf": [{k: v for k, v in part.items() if k not in outer}, _VARIABLE]}
    changed = {key: _with_variables(inner) for key, inner in part.items()}
    if part.get("additionalProperties") is False:
        # Keys of older files are known: an editor need not mark what is only ignored.
        changed["patternProperties"] = {f"^({'|'.join(sorted(ANCESTRAL))})$": True}
    return changed
