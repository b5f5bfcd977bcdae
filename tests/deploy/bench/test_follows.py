"""The bench of follows runs to its end, small: one run, many at once, and people who wait."""

from deploy.bench.follow_queue import bench_queue
from deploy.bench.follows import bench_many_runs, bench_points


async def test_a_run_many_runs_and_a_queue_are_measured(bench_dsn: str) -> None:
    requests, points = await bench_points(bench_dsn, 400)
    assert "for 400" in requests.measured
    assert points.ratio == 1.0
    memory, lookups = await bench_many_runs(bench_dsn, runs=5, people=20, load_s=0.2)
    assert "100 follows" in memory.measured
    assert lookups.ratio > 0
    scans, slower = await bench_queue(bench_dsn, 20_000, a_run=20)
    assert scans.is_good
    assert slower.ratio > 0
