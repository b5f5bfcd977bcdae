"""Counts what became of people in runs, in this process, by network and result: counts, no names."""

from collections import Counter
from collections.abc import Iterable, Mapping

from directory.follows.port import Outcome
from directory.follows.reasons import Reason
from directory.mappings import Network

_counts: Counter[tuple[Network, str, str]] = Counter()


def count_outcomes(network: Network, outcomes: Iterable[Outcome]) -> None:
    """Counts outcomes."""
    for each in outcomes:
        count_result(network, each.state.label, each.reason)


def count_result(network: Network, result: str, reason: Reason, times: int = 1) -> None:
    """Counts one result, so many times."""
    _counts[network, result, reason.label] += times


def follow_counts() -> Mapping[tuple[Network, str, str], int]:
    """Returns how often each result and reason came since this process started."""
    return dict(_counts)
