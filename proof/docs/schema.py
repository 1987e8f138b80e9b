"""The JSON Schema of the document, derived from its types."""

import dataclasses
import types
import typing
from typing import Any

from proof.docs.model import SCHEMA, Document

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema() -> dict[str, Any]:
    """The schema of data.json, with the version that the document itself names."""
    found: dict[str, Any] = {}
    root = _of(Document, found)
    found["Document"]["properties"]["schema"] = {"const": SCHEMA}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "mail-lab", **root, "$defs": found}


def _of(kind: Any, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a type is anything
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _of_class(kind, found)
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0], found)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1], found)}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_of(one, found) for one in arguments]}
    return {"type": PLAIN[kind]} if kind in PLAIN else {}


def _of_class(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    if kind.__name__ not in found:
        found[kind.__name__] = {}
        hints = typing.get_type_hints(kind)
        properties = {one.name: _of(hints[one.name], found) for one in dataclasses.fields(kind)}
        found[kind.__name__] = {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}
