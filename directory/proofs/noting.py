"""Notes the results of checks that show nothing, for the operator."""

from directory.failures import Failing, note_failure
from directory.proofs.results import CheckResult, LinkResult, Refuted, Unreachable


def note_result(what: Failing, result: CheckResult | LinkResult) -> None:
    """Counts a result that is refuted or unreachable, by its reason. Which server told it, its request tells."""
    if isinstance(result, Refuted | Unreachable):
        note_failure(what, result.reason.value)
