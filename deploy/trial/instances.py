"""Starts several instances, each a process with a data folder, a database and a log of its own, and stops them."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.ports import free_port
from directory.settings import PREFIX, Settings

NAMES: Final = ("one", "two", "three", "four", "five")
READY_WITHIN_S: Final = 90.0
STOPPED_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.2


class InstanceFailed(Exception):
    """One of the instances did not start, or ended by itself. `log` is what it wrote last."""

    def __init__(self, name: str, log: str) -> None:
        super().__init__(name)
        self.name = name
        self.log = log


@dataclass(frozen=True, slots=True)
class TrialInstance:
    """One of several instances: its name, its data folder, and the port that it listens on.

    `public_port` is another one where something stands in front of it; `more` are further settings of its process.
    """

    name: str
    data: Path
    port: int
    public_port: int | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"{self.name}.localhost"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.public_port or self.port}"

    @property
    def settings(self) -> Settings:
        """The settings of its process, and of whoever opens its database."""
        return Settings(data=self.data, port=self.port, public_url=self.url, allow_loopback=True)

    @property
    def output(self) -> Path:
        return self.data.parent / f"{self.name}.log"

    def environment(self) -> dict[str, str]:
        """Returns the environment of its process: nothing of the settings of the shell."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        own = {
            "data": str(self.data),
            "port": str(self.port),
            "public_url": self.url,
            "allow_loopback": "true",
        }
        return kept | {f"{PREFIX}{name.upper()}": value for name, value in {**own, **self.more}.items()}


@contextmanager
def running_instances(folder: Path, count: int) -> Iterator[Sequence[TrialInstance]]:
    """Runs `count` instances below `folder` until the block ends, then stops them and deletes the folder.

    Raises InstanceFailed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    instances = [TrialInstance(name, folder / name, free_port()) for name in NAMES[:count]]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        started = [(each, stack.enter_context(starting_instance(each))) for each in instances]
        for instance, process in started:
            wait_until_ready(instance, process)
        yield instances


@contextmanager
def starting_instance(instance: TrialInstance) -> Iterator[subprocess.Popen[bytes]]:
    """Starts the process of an instance, and stops it at the end of the block."""
    with instance.output.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy.cli.child"],
            env=instance.environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for whoever started it, who then closes the input
        )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(instance: TrialInstance, process: subprocess.Popen[bytes]) -> None:
    """Waits until an instance answers. Raises InstanceFailed."""
    patience_ends = time.monotonic() + READY_WITHIN_S
    while not _is_ready(instance):
        if process.poll() is not None or time.monotonic() > patience_ends:
            raise InstanceFailed(instance.name, instance.output.read_text(errors="replace")[-2_000:])
        time.sleep(_LOOK_EVERY_S)


def _is_ready(instance: TrialInstance) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{instance.port}/readyz", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False
