"""Runs the sample configurations of `deploy/proxies` with the real programs, on ports and with certificates of a test."""

import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from deploy.ports import free_port
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until

SAMPLES: Final = Path(__file__).parents[2] / "deploy" / "proxies"
HOST: Final = "find.example.org"
START_TIMEOUT_S: Final = 30
NAMES: Final = ("caddy", "nginx", "haproxy")
_ALSO_IN: Final = ("/usr/sbin", "/usr/local/sbin")


class ProxyMissing(RuntimeError):
    """A program is not installed; the message says what to do."""


def proxy_path(name: str) -> Path:
    """Finds a program, also where only the system's own programs are looked for. Raises ProxyMissing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_ALSO_IN])
    if found := shutil.which(name, path=path):
        return Path(found)
    raise ProxyMissing(f"{name} was not found: run `python -m tests.setup`, or install it and run it again.")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs. `trust` is for clients of it."""

    name: str
    port: int
    trust: ssl.SSLContext

    def connect(self) -> RawConnection:
        """Opens a connection over TLS."""
        raw = RawConnection(self.port)
        raw.socket = self.trust.wrap_socket(raw.socket, server_hostname=HOST)
        return raw


@contextmanager
def running_proxy(name: str, folder: Path, to_port: int, changed: Mapping[str, str]) -> Iterator[Proxy]:
    """Runs a proxy before an instance. `changed` are words of its sample that the test changes."""
    (sample,) = (file for file in SAMPLES.iterdir() if file.name.lower().startswith(name))
    with running_sample(name, sample, folder, {"127.0.0.1:8000": f"127.0.0.1:{to_port}", **changed}) as proxy:
        yield proxy


@contextmanager
def running_sample(name: str, sample: Path, folder: Path, changed: Mapping[str, str]) -> Iterator[Proxy]:
    """Runs a program with a sample. `changed` are words of it that the test changes."""
    folder.mkdir()
    authority = trustme.CA()
    leaf = authority.issue_cert(HOST)
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    port, plain = free_port(), free_port()
    command = _command(name, folder, _sample(sample, {**_changes(name, folder, port, plain), **changed}))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(folder),
            start_new_session=True,
        )
    try:
        assert wait_until(lambda: process.poll() is not None or _listens(port), START_TIMEOUT_S)
        assert process.poll() is None, (folder / "log").read_text()
        yield Proxy(name, port, trust)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _sample(file: Path, words: Mapping[str, str]) -> str:
    text = file.read_text()
    for word, instead in words.items():
        assert word in text, f"{file.name} says nothing of {word!r}"
        text = text.replace(word, instead)
    return text


def _changes(name: str, folder: Path, port: int, plain: int) -> dict[str, str]:
    both = folder / "both.pem"
    if name == "caddy":
        first = (
            f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}\n\tservers {{"
        )
        return {
            "{\n\tservers {": first,
            f"\n{HOST} {{": f"\nhttps://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {both} {both}\n",
        }
    if name == "nginx":
        return {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(both),
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(both),
            "/var/cache/nginx/passerelle": str(folder / "cache"),
        }
    return {
        "bind :80": f"bind 127.0.0.1:{plain}",
        "bind :443": f"bind 127.0.0.1:{port}",
        f"/etc/haproxy/{HOST}.pem": str(both),
    }


def _command(name: str, folder: Path, text: str) -> list[str | Path]:
    program, file = proxy_path(name), folder / "sample"
    if name == "nginx":
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"{user}daemon off;\nmaster_process on;\nworker_processes 1;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}\n{text}\n}}\n"
        )
    file.write_text(text)
    if name == "caddy":
        return [program, "run", "--adapter", "caddyfile", "--config", file]
    return [program, "-e", "stderr", "-c", file] if name == "nginx" else [program, "-db", "-f", file]


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}


def _listens(port: int) -> bool:
    try:
        RawConnection(port).socket.close()
    except ConnectionRefusedError:
        return False
    return True
