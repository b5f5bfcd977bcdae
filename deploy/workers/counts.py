"""Adds up the counts of several processes for `/metrics`. Pure.

What a process counted stays in the sums when it ends: a counter never goes down. What it held (gauges) goes with it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

_GAUGES: Final = frozenset({"gauge", "info", "stateset", "unknown"})
_LEAST: Final = ("_created", "process_start_time_seconds", "process_max_fds", "passerelle_replica_used")
"""Samples of which the least says something of all processes."""
_MOST: Final = ("python_info", "passerelle_replica_behind_seconds")

Key = tuple[str, tuple[tuple[str, str], ...]]


class Family(msgspec.Struct, frozen=True, array_like=True):
    """What is counted under one name, as it travels."""

    name: str
    text: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


def encode_counts(families: Iterable[Metric]) -> bytes:
    """Writes counts as a process tells them to its parent."""
    return msgspec.msgpack.encode([_family_of(metric) for metric in families])


def decode_counts(content: bytes) -> list[Family]:
    """Reads them. Raises msgspec.ValidationError."""
    return msgspec.msgpack.decode(content, type=list[Family])


def _family_of(metric: Metric) -> Family:
    samples = [(each.name, dict(each.labels), float(each.value)) for each in metric.samples]
    return Family(metric.name, metric.documentation, metric.type, samples)


class Sum:
    """The sum of the counts of processes, in the order in which they were added."""

    def __init__(self) -> None:
        self._heads: dict[str, Family] = {}
        self._values: dict[str, dict[Key, float]] = {}

    def add(self, families: Iterable[Family], *, has_ended: bool = False) -> None:
        """Adds the counts of a process; of one that has ended, what it has counted alone."""
        for family in families:
            if has_ended and family.kind in _GAUGES:
                continue
            self._heads.setdefault(family.name, family)
            values = self._values.setdefault(family.name, {})
            for name, labels, value in family.samples:
                key = name, tuple(labels.items())
                values[key] = _joined(name, values[key], value) if key in values else value

    def families(self) -> list[Family]:
        """Returns the sums as the counts of one process."""
        return [
            Family(head.name, head.text, head.kind, [(n, dict(labels), v) for (n, labels), v in of.items()])
            for head, of in ((head, self._values[name]) for name, head in self._heads.items())
        ]

    def metrics(self) -> Iterator[Metric]:
        """Yields the sums as they are shown."""
        for family in self.families():
            metric = Metric(family.name, family.text, family.kind)
            metric.samples = [Sample(name, labels, value) for name, labels, value in family.samples]
            yield metric


def _joined(name: str, one: float, other: float) -> float:
    if name.endswith(_LEAST):
        return min(one, other)
    return max(one, other) if name in _MOST else one + other
