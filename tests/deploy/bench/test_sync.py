"""The bench of syncing runs to its end, small: two real instances that sync, and peers with nothing new."""

from deploy.bench.idle_peers import bench_idle_peers
from deploy.bench.sync import bench_first_sync


async def test_a_first_sync_and_peers_with_nothing_new_are_measured(bench_dsn: str) -> None:
    rate, against_copy, memory = await bench_first_sync(bench_dsn, 1_000)
    assert "first sync of 1,000" in rate.name
    assert min(rate.ratio, against_copy.ratio, memory.ratio) > 0
    cost, requests = await bench_idle_peers(bench_dsn, peers=3, seconds=1, settle_s=0)
    assert "3 peers" in cost.name
    assert requests.target == 1.0
