"""The models as JSON Schema: the components of one document, and the parameters of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

_REF = "#/components/schemas/{model}"


class Schemas:
    """
    Models as JSON Schema 2020-12, each once; ``components`` has them by name.

    Query models are no components: `parameters` takes them apart.
    """

    def __init__(self, models: Iterable[type[BaseModel]], queries: Iterable[type[BaseModel]]) -> None:
        queries = set(queries)
        # As callers send them: a member with a default may be absent, in answers too.
        inputs = [
            (model, "validation") for model in sorted({*models, *queries}, key=lambda one: one.__name__)
        ]
        _, made = models_json_schema(inputs, ref_template=_REF, schema_generator=_Untitled)  # type: ignore[arg-type]
        self.components: dict[str, Any] = made["$defs"]
        self._queries = {model: self.components.pop(model.__name__) for model in queries}

    def ref(self, model: type[BaseModel]) -> dict[str, Any]:
        """A reference to a component."""
        return {"$ref": _REF.format(model=model.__name__)}

    def parameters(self, query: type[BaseModel]) -> list[dict[str, Any]]:
        """The members of a query model as parameter objects."""
        schema = self._queries[query]
        required = schema.get("required", ())
        return [
            _query_parameter(name, dict(member), required=name in required)
            for name, member in schema["properties"].items()
        ]


class _Untitled(GenerateJsonSchema):
    """A title for each model, none for its members: they would repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def _query_parameter(name: str, member: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """No text of a query is null: what may be null in the model may be left out."""
    said: dict[str, Any] = {"description": member.pop("description")} if "description" in member else {}
    kinds = [kind for kind in member.pop("anyOf", ()) if kind != {"type": "null"}]
    member |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
    if member.get("default", ...) is None:
        del member["default"]
    return {"name": name, "in": "query", "required": required, **said, "schema": member}
