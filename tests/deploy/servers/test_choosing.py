"""Which server answers: one that is not installed is a sentence, and one without a guard is told by `doctor`."""

import importlib.util

import pytest

from deploy.checks import check_address
from deploy.cli.failures import sentence_of
from deploy.findings import Finding
from deploy.ports import free_port
from deploy.servers import choosing
from deploy.servers.choosing import ServerMissing, check_server
from directory.settings import Server, Settings


def seen(settings: Settings) -> Finding:
    (found,) = [each for each in check_address(settings) if each.name == "Server"]
    return found


@pytest.mark.parametrize("server", Server)
def test_all_are_installed_where_they_are_tested(server: Server) -> None:
    check_server(Settings(server=server))


@pytest.mark.parametrize("server", [Server.UVICORN, Server.GRANIAN])
def test_one_that_is_not_installed_is_a_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name == server else importlib.util)
    with pytest.raises(ServerMissing, match=rf"install passerelle\[{server}\]") as raised:
        check_server(Settings(server=server))
    assert sentence_of(raised.value) is not None
    assert not seen(Settings(server=server, port=free_port())).is_good


def test_doctor_tells_of_a_server_in_public_without_a_guard() -> None:
    public = {"public_url": "https://find.example", "port": free_port()}
    alone = seen(Settings(server=Server.GRANIAN, **public))  # type: ignore[arg-type]  # arguments of several types
    assert not alone.is_good
    assert "no guard" in alone.seen
    assert seen(Settings(server=Server.GRANIAN, trusted_proxies=1, **public)).is_good  # type: ignore[arg-type]  # arguments of several types
    assert seen(Settings(server=Server.UVICORN, **public)).is_good  # type: ignore[arg-type]  # arguments of several types


def test_doctor_tells_how_many_processes() -> None:
    assert seen(Settings(workers=4, port=free_port())).seen == "hypercorn, 4 processes"
