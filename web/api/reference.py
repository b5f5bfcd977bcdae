"""Reads the OpenAPI document for people: one entry for each operation. Pure."""

from typing import Any

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A parameter, or a field of an answer."""

    name: str
    type: str
    is_required: bool
    description: str


class NestedType(msgspec.Struct, frozen=True):
    """A type that stands in a field of an answer, or of the body."""

    name: str
    fields: list[Field]


class Operation(msgspec.Struct, frozen=True):
    """One method of one address."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: list[Field]
    example: str
    """A body as JSON; empty where there is none."""
    answer: list[Field]
    nested: list[NestedType]
    """The types in the answer, in the order in which they are met."""


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
    sent = _schema_of(body.get("requestBody", {}), schemas)
    answered = _schema_of(body["responses"].get("200", {}), schemas)
    return Operation(
        method,
        path,
        body.get("summary", ""),
        body.get("description", ""),
        parameters,
        _fields(sent),
        _example(sent),
        _fields(answered),
        _nested(answered, schemas),
    )


def _schema_of(said: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    content = said.get("content", {})
    return next((_resolve(each["schema"], schemas) for each in content.values() if "schema" in each), {})


def _example(schema: dict[str, Any]) -> str:
    shown = {
        name: each["examples"][0]
        for name, each in schema.get("properties", {}).items()
        if each.get("examples")
    }
    return msgspec.json.encode(shown).decode() if shown else ""


def _nested(schema: dict[str, Any], schemas: dict[str, Any]) -> list[NestedType]:
    found: dict[str, NestedType] = {}
    waiting = list(schema.get("properties", {}).values())
    while waiting:
        for name in _named_in(waiting.pop(0)):
            if name not in found and name in schemas:
                found[name] = NestedType(name, _fields(schemas[name]))
                waiting += schemas[name].get("properties", {}).values()
    return list(found.values())


def _named_in(schema: dict[str, Any]) -> list[str]:
    """Returns the names of the types that a field is of, also in a list or as one of several."""
    if "$ref" in schema:
        return [str(schema["$ref"]).rpartition("/")[2]]
    parts = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    parts += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return [name for part in parts for name in _named_in(part)]


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
