"""Memory is measured to its end, small; and what an instance has no use for is not loaded by it."""

import gc
import sys
import weakref
from pathlib import Path

import psutil

from deploy.bench.memory import bench_memory
from deploy.bench.processes import cpu_s, pss_bytes, with_children
from deploy.loading import nothing_collected
from deploy.ports import free_port
from deploy.web_server import spare_the_collector
from tests.harness.command import Command

STARTED = """
import sys
from deploy.cli.main import main, passerelle
passerelle.get_command(None, "serve")
import babel.core, babel.localedata, deploy.web_server, directory.networks.http
create = deploy.web_server.create_app

def create_and_tell(services):
    app = create(services)
    unused = {"pydantic", "atproto", "mastodon", "requests", "dns", "attrs", "rich", "pygments", "httpx"}
    unused |= {"joserfc", "http_message_signatures", "cryptography"}
    told = babel.localedata._cache
    print("loaded:", *sorted(unused & sys.modules.keys()), *["languages"] * bool(babel.core._global_data))
    print("of languages:", *sorted(told), *["units"] * any("unit_patterns" in each for each in told.values()))
    print("authorities:", directory.networks.http.tls_context.cache_info().currsize)
    raise SystemExit(0)

deploy.web_server.create_app = create_and_tell
main(["serve"])
"""


async def test_an_idle_instance_and_large_lists_are_measured(bench_dsn: str) -> None:
    idle, after = await bench_memory(bench_dsn, 2_000, settled_s=1, pairs=2_000, after_s=0.5)
    assert idle.target == 1.0
    assert 0.1 < idle.ratio < 10
    assert "PostgreSQL" in idle.reference
    assert after.target == 1.0
    assert "after each" in after.reference


def test_a_web_process_loads_nothing_that_it_has_no_use_for(tmp_path: Path, dsn: str) -> None:
    """The framework loads plugins for every library that happens to be installed: pydantic's cost 8 MB of each process. So does
    structlog: rich costs 4. Babel keeps 2 MB on all languages, and 2 on what no page tells of ours. What signs for others, and whom
    we trust in TLS, is loaded where it is first needed."""
    settings = {"data": str(tmp_path / "data"), "port": str(free_port()), "database_url": dsn}
    command = Command(tmp_path, settings, program=(sys.executable, "-c", STARTED))
    assert command.run().out == "loaded:\nof languages: en fr\nauthorities: 0\n"


class Knot:
    """Holds itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_of_the_start_is_collected_before_the_rest_is_kept() -> None:
    """What libraries left as they were imported was excluded from collection with the modules: 3 MB for good."""
    with nothing_collected():
        left = weakref.ref(Knot())
    gc.collect()
    assert left() is not None
    try:
        spare_the_collector()
        assert left() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_memory_that_processes_share_is_counted_once() -> None:
    this = psutil.Process()
    alone = pss_bytes([this])
    assert 1_000_000 < alone <= this.memory_info().rss + 1_000_000
    # Each look may take a few pages itself.
    assert pss_bytes([this], without_shared=True) <= pss_bytes([this]) + 1_000_000
    assert cpu_s(with_children(this)) > 0


def test_a_process_that_has_ended_takes_nothing() -> None:
    ended = psutil.Popen(["true"])
    ended.wait()
    assert pss_bytes([ended]) == 0
    assert cpu_s([ended]) == 0
