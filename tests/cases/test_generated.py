"""The reader in the browser and the one in Python answer alike, whatever is given to them."""

import base64
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings

import tests
from directory.archive import LooseFile, read_archive
from tests.cases.archives import Outcome
from tests.cases.generated import Given, given_files
from tests.cases.test_archives import said
from tests.harness.node import node_path

ANSWER: Final = Path(tests.__file__).parent / "js" / "archive" / "answer.js"
EXAMPLES: Final = 200

Ask = Callable[[Given], Outcome]


@pytest.fixture(scope="module")
def ask_script() -> Iterator[Ask]:
    """One Node for all examples."""
    with subprocess.Popen([node_path(), ANSWER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        send, receive = node.stdin, node.stdout

        def ask(files: Given) -> Outcome:
            chosen = [
                {"path": path, "content": base64.b64encode(content).decode()} for path, content in files
            ]
            send.write(msgspec.json.encode(chosen) + b"\n")
            send.flush()
            answer: list[Any] = msgspec.json.decode(receive.readline())
            error, people, owner, notices, bad_rows, left_out, *fault = answer
            assert not any(fault), fault
            return Outcome(tuple(error), tuple(people), owner, tuple(notices), bad_rows, tuple(left_out))

        yield ask
        send.close()


@given(given_files())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
def test_both_readers_answer_alike(ask_script: Ask, files: Given) -> None:
    told = said(lambda: read_archive([LooseFile(name, io.BytesIO(content)) for name, content in files]))
    event(told.error[0] if told.error else "people" if told.people else "nobody")
    assert ask_script(files) == told
