"""A real instance: it answers, it ends completely, and starts again after any bad end."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from tests.deploy.embedded.programs import server_processes
from tests.harness.command import TIMEOUT_S, Command, answers
from tests.harness.no_tls import NO_TLS


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def instance(folder: Path, port: int) -> Iterator[Command]:
    yield Command(folder, {"data": str(folder / "data"), "port": str(port)})
    assert server_processes(folder / "data") == []


def test_it_answers_and_ctrl_c_ends_all_of_it(instance: Command, url: str) -> None:
    with instance.started("serve") as running:
        running.wait_until_ready(url)
        assert "Passerelle" in httpx.get(url, trust_env=False, verify=NO_TLS).text
        assert server_processes(instance.folder / "data")
        running.send(signal.SIGINT)
        assert running.wait() == 0
    assert "Traceback" not in running.log.read_text()
    assert server_processes(instance.folder / "data") == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False, verify=NO_TLS)


def test_a_second_start_and_sigterm(instance: Command, url: str) -> None:
    with instance.started("serve") as first:
        first.wait_until_ready(url)
        first.send(signal.SIGTERM)
        assert first.wait() == 0
    begun = time.monotonic()
    with instance.started("serve") as second:
        second.wait_until_ready(url)
        print(f"a second start took {time.monotonic() - begun:.2f} s")
        second.send(signal.SIGINT)
        assert second.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_instance_does_not_keep_the_next_from_starting(
    instance: Command, url: str, workers: str
) -> None:
    """kill -9 leaves the database server without its master: the next start takes it over, and ends it. Web processes of
    the first give the port back by themselves."""
    with instance.started("serve", workers=workers) as killed:
        killed.wait_until_ready(url)
        killed.process.kill()
        killed.wait()
        assert wait_until(lambda: not answers(url), TIMEOUT_S)
        with instance.started("serve", workers=workers) as next_one:
            next_one.wait_until_ready(url)
            assert (
                httpx.get(f"{url}/api/v1/lookup?x=@nobody", trust_env=False, verify=NO_TLS).status_code == 200
            )
            next_one.send(signal.SIGINT)
            assert next_one.wait() == 0


def test_ctrl_c_during_a_request_lets_it_finish(instance: Command, url: str) -> None:
    with (
        instance.started("serve") as running,
        httpx.Client(base_url=url, trust_env=False, verify=NO_TLS) as client,
    ):
        running.wait_until_ready(url)
        assert client.get("/healthz").status_code == 200  # the connection stays open, and idle
        running.send(signal.SIGINT)
        assert running.wait() == 0


def test_a_database_of_others_that_is_not_there_is_one_sentence(instance: Command) -> None:
    shown = instance.run("serve", database_url="postgresql://127.0.0.1:1/nothing")
    assert shown.code == 1
    assert "Traceback" not in shown.err
    last = shown.err.splitlines()[-1]
    assert last.startswith("passerelle: could not connect to the database: ")
    assert "Nothing was changed" in last
