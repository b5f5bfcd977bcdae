"""The OpenAPI document drives its own API: what it allows, and much that it does not, is answered properly."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.harness.instance import RunningInstance

CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]


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
