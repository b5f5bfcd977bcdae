"""Counts and times for the operator, in the text format of Prometheus. They hold no names."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from directory.errors import DirectoryUnavailable
from directory.failures import failure_counts
from directory.follows.tally import follow_counts
from directory.jobs.gauges import JobGauges, KindGauges
from directory.members.job_kinds import JobKind
from directory.store.replicas import Replica

JobCounts = Mapping[JobKind, KindGauges]
_GAUGES: Final = {
    "waiting": "Jobs that are due and that nobody has taken up yet.",
    "held_back": "Jobs that are due and wait because their host is left alone after failures.",
    "oldest_s": "How long the oldest waiting job has been due, in seconds.",
    "running": "Jobs that this process has under way.",
}
_NAMES: Final = {"oldest_s": "oldest_seconds"}


METRICS_PATH: Final = b"/metrics"


def create_metrics_app(text: Callable[[], Awaitable[bytes]]) -> ASGIApp:
    """Creates the application of the address that is for the operator alone: it has one page, and nothing else."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        is_there = scope["raw_path"] == METRICS_PATH and scope["method"] == HttpMethod.GET
        content = await text() if is_there else b""
        headers = [
            (b"content-type", CONTENT_TYPE_LATEST.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        status = 200 if is_there else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    return answer


async def metrics_text(jobs: JobGauges | None, families: Iterable[Metric]) -> bytes:
    """Returns requests and failures of this process, or of all that are given, and the jobs of all processes: these are left
    out while the database does not answer."""
    content = _shown(families)
    if jobs is not None:
        with suppress(DirectoryUnavailable):
            content += _shown(_jobs(await jobs.current()))
    return content


def own_families(replicas: Sequence[Replica]) -> Iterator[Metric]:
    """Yields what this process has counted."""
    yield from REGISTRY.collect()
    yield _failures()
    yield _follows()
    if replicas:
        yield from _replicas(replicas)


def _jobs(jobs: JobCounts) -> Iterator[Metric]:
    for field, help_text in _GAUGES.items():
        gauge = GaugeMetricFamily(f"passerelle_jobs_{_NAMES.get(field, field)}", help_text, labels=["kind"])
        for kind, counts in jobs.items():
            gauge.add_metric([kind], getattr(counts, field))
        yield gauge
    failed = CounterMetricFamily(
        "passerelle_jobs_failed", "Jobs that ended with a fault in this process.", labels=["kind"]
    )
    for kind, counts in jobs.items():
        failed.add_metric([kind], counts.failed)
    yield failed


def _failures() -> Metric:
    failed = CounterMetricFamily(
        "passerelle_failures",
        "What did not work in this process, by a stable reason: sign-ins, checks, and requests to other servers.",
        labels=["what", "reason"],
    )
    for (what, reason), count in failure_counts().items():
        failed.add_metric([what.value, reason], count)
    return failed


def _follows() -> Metric:
    results = CounterMetricFamily(
        "passerelle_follows",
        "What became of people in follow runs in this process: by network, result, and a stable reason.",
        labels=["network", "result", "reason"],
    )
    for (network, result, reason), count in follow_counts().items():
        results.add_metric([network.value, result, reason], count)
    return results


def _replicas(replicas: Sequence[Replica]) -> Iterator[Metric]:
    used = GaugeMetricFamily(
        "passerelle_replica_used",
        "Whether look-ups and lists are read there: 1 or 0.",
        labels=["replica"],
    )
    behind = GaugeMetricFamily(
        "passerelle_replica_behind_seconds",
        "How long ago it was known to hold all that the primary had stored; left out where that is not known.",
        labels=["replica"],
    )
    answered = CounterMetricFamily(
        "passerelle_replica_answered", "Statements that it answered.", labels=["replica"]
    )
    retried = CounterMetricFamily(
        "passerelle_replica_asked_again",
        "Statements that the primary was asked after it, by reason.",
        labels=["replica", "reason"],
    )
    for replica in replicas:
        used.add_metric([replica.name], float(replica.is_current))
        if (age := replica.age_s) is not None:
            behind.add_metric([replica.name], age)
        answered.add_metric([replica.name], replica.answered)
        for reason, count in replica.retries.items():
            retried.add_metric([replica.name, reason], count)
    yield from (used, behind, answered, retried)


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _shown(families: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(list(families)))
    return generate_latest(registry)
