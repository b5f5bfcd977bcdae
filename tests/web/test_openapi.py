"""The OpenAPI document drives its own API: what it allows, and much that it does not, is answered properly."""

from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.harness.instance import RunningInstance

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


def test_every_operation_keeps_to_its_document(instance: RunningInstance) -> None:
    schema = schemathesis.openapi.from_url(f"{instance.url}/api/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == 9
    for operation in operations:
        _drive(operation, GenerationMode.POSITIVE)
        if len(operation.query) or len(operation.body):
            _drive(operation, GenerationMode.NEGATIVE)


def _drive(operation: "APIOperation[Any, Any, Any, Any]", mode: GenerationMode) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(checks=CHECKS)

    answers()


LOOKUP, REVERSE, FINGER = "/api/v1/lookup", "/api/v1/reverse", "/.well-known/webfinger"
LIVE, MATCH = "/api/v1/live/{host}/log/{leaf}", "/api/v1/match"
PAIRS: Final = [["12", "jack", "2026-05-31"], [None, "nina_3"], ["77", "torn"]]
ASKED: Final[list[tuple[str, dict[str, Any], int]]] = [
    (LOOKUP, {"query": {"x": "@jack"}}, 200),
    (LOOKUP, {"query": {"x": "@torn"}}, 200),
    (LOOKUP, {"query": {"x": "@hint"}}, 200),
    (LOOKUP, {"query": {"x": "78"}}, 200),
    (MATCH, {"body": {"pairs": PAIRS}, "media_type": "application/json"}, 200),
    (REVERSE, {"query": {"account": "Jack@social.example"}}, 200),
    (FINGER, {"query": {"resource": "https://x.com/jack"}}, 200),
    (FINGER, {"query": {"resource": "https://x.com/nobody_here"}}, 404),
    (LIVE, {"path_parameters": {"host": "one.example", "leaf": 3}}, 200),
    (LIVE, {"path_parameters": {"host": "no.example", "leaf": 3}}, 404),
]


@pytest.mark.parametrize(("path", "asked", "status"), ASKED)
def test_answers_about_people_keep_to_the_document(
    instance: RunningInstance, path: str, asked: dict[str, Any], status: int
) -> None:
    """What is asked at random finds nobody: the types of people in answers were never held against the document."""
    schema = schemathesis.openapi.from_url(f"{instance.url}/api/openapi.json")
    case = schema[path]["POST" if path == MATCH else "GET"].Case(**asked)
    assert case.call_and_validate(checks=CHECKS).status_code == status
