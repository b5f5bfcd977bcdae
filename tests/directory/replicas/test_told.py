"""What `passerelle doctor` and `/metrics` say of replicas."""

from pathlib import Path

import httpx
import pytest

from directory.settings import InvalidSettings, Settings
from tests.harness.command import Command
from tests.harness.instance import running_instance
from tests.harness.replicas import Cluster, Server, same_database


def doctor(tmp_path: Path, dsn: str, *replicas: str) -> str:
    settings = {
        "data": str(tmp_path / "data"),
        "database_url": dsn,
        "read_database_url": ", ".join(replicas),
    }
    return " ".join(Command(tmp_path, settings).run("doctor", "--settings").out.split())


def test_the_doctor_tells_the_lag_of_each_and_whether_it_is_asked(
    tmp_path: Path, dsn: str, replica: Server
) -> None:
    shown = doctor(
        tmp_path, dsn, same_database(dsn, replica), dsn, "postgresql://u:open-sesame@127.0.0.1:1/x"
    )
    assert f"✓ Replica 127.0.0.1:{replica.port}, 0." in shown
    assert " s behind at most: answers are read there" in shown
    assert "is not asked: it is no replica: it was promoted, or never was one" in shown
    assert "✗ Replica 127.0.0.1:1 is not asked: it does not answer" in shown
    assert "sesame" not in shown


def test_the_metrics_tell_the_same(dsn: str, cluster: Cluster, replica: Server) -> None:
    urls = same_database(dsn, replica), dsn
    with running_instance(dsn, database_url=dsn, read_database_url=urls) as instance:
        while f'passerelle_replica_used{{replica="127.0.0.1:{replica.port}"}} 1.0' not in (
            told := httpx.get(instance.metrics_url, trust_env=False).text
        ):
            pass
        assert httpx.get(f"{instance.url}/api/v1/lookup?x=12", trust_env=False).status_code < 500
        told = httpx.get(instance.metrics_url, trust_env=False).text
    name = f'replica="127.0.0.1:{replica.port}"'
    assert f"passerelle_replica_behind_seconds{{{name}}} 0." in told
    assert f"passerelle_replica_answered_total{{{name}}} " in told
    assert f'passerelle_replica_asked_again_total{{reason="conflict",{name}}} 0.0' in told
    assert f'passerelle_replica_used{{replica="127.0.0.1:{cluster.primary.port}"}} 0.0' in told
    assert f'passerelle_replica_behind_seconds{{replica="127.0.0.1:{cluster.primary.port}"}}' not in told


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"READ_DATABASE_URL": "postgresql://a/b"}, "needs database_url"),
        ({"DATABASE_URL": "postgresql://p/b", "READ_DATABASE_URL": "mysql://a/b"}, "separated by commas"),
        ({"DATABASE_URL": "postgresql://p/b", "READ_DATABASE_URL": "postgresql://u:a,b@a/b"}, "%2C"),
        ({"DATABASE_URL": "postgresql://p/b", "READ_DATABASE_URL": "postgresql://a/b,postgresql://a/b"}, "twice"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant(values: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        Settings.load({f"PASSERELLE_{name}": value for name, value in values.items()})


def test_several_replicas_are_separated_by_commas(tmp_path: Path) -> None:
    file = tmp_path / "passerelle.toml"
    file.write_text(
        'database_url = "postgresql://p/b"\nread_database_url = ["postgresql://a/b", "postgresql://c/d"]'
    )
    environment = {"PASSERELLE_READ_DATABASE_URL": "postgresql://a/b, postgresql://c/d,"}
    assert Settings.load({}, file) == Settings.load(environment, file)
    assert Settings.load({}, file).read_database_url == ("postgresql://a/b", "postgresql://c/d")
