"""`passerelle demo --instances`: several instances that are peers of each other, as a newcomer starts them."""

import re
import signal
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.ports import free_port
from deploy.trial.instances import TrialInstance, starting_instance
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.waiting import wait_until

PATIENCE_S: Final = 150


def test_two_instances_answer_for_each_other_until_they_are_stopped(folder: Path) -> None:
    command = Forks(folder, {"data": str(folder / "data")})
    with command.started("demo", "--instances", "2", "--people", "20") as running:
        assert wait_until(lambda: "the mapping comes from" in running.output.read_text(), PATIENCE_S), (
            running.output.read_text() + running.log.read_text()
        )
        said = " ".join(running.output.read_text().split())
        found = re.search(r"Look @(\w+) up at http://one\.localhost:(\d+)", said)
        assert found is not None, said
        asked = httpx.get(
            f"http://127.0.0.1:{found[2]}/api/v1/lookup",
            params={"x": found[1]},
            headers={"host": f"one.localhost:{found[2]}"},
            trust_env=False,
            verify=NO_TLS,
        )
        assert '"origin":"two.localhost/log"' in asked.text, asked.text
        running.send(signal.SIGINT)
        assert running.wait() == 0, running.log.read_text()
    assert not (folder / "data" / "several").exists()


def test_the_folder_that_they_are_started_in_lends_them_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").write_text("raise SystemExit('another deploy')")
    monkeypatch.chdir(tmp_path)
    refused = TrialInstance("one", tmp_path / "one", free_port(), more={"workers": "none"})
    with starting_instance(refused) as process:
        process.wait(PATIENCE_S)
    said = refused.output.read_text()
    assert "another deploy" not in said
    assert "`passerelle doctor` lists the settings" in said
