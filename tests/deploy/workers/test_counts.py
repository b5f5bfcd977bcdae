"""Counts of several processes as one: sums that never go down, and gauges of those that run."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from deploy.workers.counts import Sum, decode_counts, encode_counts
from tests.deploy.machines import PATIENCE_S, Machine
from tests.deploy.workers.processes import wait_until_serving
from tests.harness.no_tls import NO_TLS


def counted(number: float) -> Iterator[Metric]:
    requests = CounterMetricFamily("asked", "Requests.", labels=["path"])
    requests.add_metric(["/"], number, created=1_000.0 + number)
    yield requests
    yield GaugeMetricFamily("under_way", "Under way.", number)
    times = HistogramMetricFamily("took", "Times.")
    times.add_metric([], [("1", number), ("+Inf", 2 * number)], number)
    yield times
    yield GaugeMetricFamily("process_start_time_seconds", "Start.", number)


def values(total: Sum) -> dict[tuple[str, ...], float]:
    return {(name, *labels.values()): value for of in total.families() for name, labels, value in of.samples}


def test_counters_and_gauges_are_added_and_times_are_the_earliest() -> None:
    total = Sum()
    for number in (3, 4):
        total.add(decode_counts(encode_counts(counted(number))))
    assert values(total) == {
        ("asked_total", "/"): 7,
        ("asked_created", "/"): 1_003,
        ("under_way",): 7,
        ("took_bucket", "1"): 7,
        ("took_bucket", "+Inf"): 14,
        ("took_count",): 14,
        ("took_sum",): 7,
        ("process_start_time_seconds",): 3,
    }


def test_who_has_ended_leaves_its_counters_and_takes_its_gauges_along() -> None:
    total = Sum()
    total.add(decode_counts(encode_counts(counted(3))), has_ended=True)
    assert values(total)["asked_total", "/"] == 3
    assert values(total)["took_count",] == 6
    assert ("under_way",) not in values(total)


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


def asked(metrics_port: int, path: str = "/api/v1/lookup") -> float:
    """How many lookups /metrics tells of."""
    text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False, verify=NO_TLS).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "passerelle_requests_total" and sample.labels["path"] == path
    )


def test_metrics_tell_the_sum_and_a_killed_process_takes_none_back(machine: Machine) -> None:
    """Attack on an operator's alarms: a process that dies would make each counter go down, and rates of nonsense."""
    metrics_port = free_port()
    with machine.running(workers="2", metrics_port=str(metrics_port)) as running:
        killed, other = wait_until_serving(running)
        for _ in range(40):  # each on a connection of its own
            assert (
                httpx.get(
                    f"{machine.url}/api/v1/lookup?x=@nobody", trust_env=False, verify=NO_TLS
                ).status_code
                == 200
            )
        assert asked(metrics_port) == 40
        killed.kill()
        assert wait_until(lambda: running.logged().count("a web process serves") == 3, PATIENCE_S)
        assert asked(metrics_port) == 40
        other.kill()
        assert wait_until(lambda: running.logged().count("a web process serves") == 4, PATIENCE_S)
        assert asked(metrics_port) == 40
        assert (
            httpx.get(f"{machine.url}/api/v1/lookup?x=@nobody", trust_env=False, verify=NO_TLS).status_code
            == 200
        )
        assert asked(metrics_port) == 41
        text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False, verify=NO_TLS).text
        assert "passerelle_web_processes 2.0" in text
        assert "passerelle_web_process_ends_total 2.0" in text
        assert "passerelle_jobs_waiting" in text
        running.process.terminate()
        assert running.wait() == 0
    assert "Traceback" not in running.logged()
