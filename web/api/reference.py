"""Reads the OpenAPI document for people: one entry for each operation. Pure."""

from typing import Any

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A parameter, or a field of an answer."""

    name: str
    type: str
    is_required: bool
    description: str


class Operation(msgspec.Struct, frozen=True):
    """One method of one address."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    answer: list[Field]


def operations_of(document: dict[str, Any]) -> list[Operation]:
    """Returns the operations of an OpenAPI 3.1 document, in its order."""
    schemas = document.get("components", {}).get("schemas", {})
    return [
        _operation(method.upper(), path, body, schemas)
        for path, methods in document["paths"].items()
        for method, body in methods.items()
        if isinstance(body, dict) and "responses" in body
    ]


def _operation(method: str, path: str, body: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    parameters = [
        Field(p["name"], _type(p.get("schema", {})), p.get("required", False), p.get("description", ""))
        for p in body.get("parameters", [])
    ]
    content = body["responses"].get("200", {}).get("content", {})
    schema = next((_resolve(each["schema"], schemas) for each in content.values() if "schema" in each), {})
    return Operation(
        method, path, body.get("summary", ""), body.get("description", ""), parameters, _fields(schema)
    )


def _fields(schema: dict[str, Any]) -> list[Field]:
    required = set(schema.get("required", []))
    return [
        Field(name, _type(each), name in required, each.get("description", ""))
        for name, each in schema.get("properties", {}).items()
    ]


def _resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    found: dict[str, Any] = schemas.get(reference.rpartition("/")[2], {}) if reference else schema
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "oneOf" in schema:
        return " | ".join(_type(each) for each in schema["oneOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
