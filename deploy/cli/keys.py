"""`passerelle keys`."""

import hashlib

import click

from deploy.cli.output import console
from deploy.cli.recovery import ensure_keys
from deploy.sequencing import key_folder
from directory.settings import load_settings
from federation.fingerprints import to_words
from federation.tlog.text import encode_base64


@click.group("keys", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show the keys of this instance, and what to compare with another operator."""
    if context.invoked_subcommand is None:
        _show()


@command.command("make")
def make() -> None:
    """Make the keys of a new instance; nothing where there are some."""
    settings = load_settings()
    if not ensure_keys(settings):
        console.print(f"There are keys already in {key_folder(settings).path}; nothing was changed.")


def _show() -> None:
    keys = key_folder(load_settings()).read()
    for key in keys.logs:
        _tell("Log key", str(key.vkey), key.vkey.fingerprint)
    _tell("Witness key", str(keys.witness.vkey), keys.witness.vkey.fingerprint)
    peer = keys.peer.public_key
    _tell("Peer key", encode_base64(peer), hashlib.sha256(peer).digest())
    click.echo(f"Recovery key (kept by the operator)\n  fingerprint  {keys.recovery.hex()}")


def _tell(title: str, key: str, fingerprint: bytes) -> None:
    click.echo(
        f"{title}\n  verify with  {key}\n  fingerprint  {fingerprint.hex()}\n  in words     {to_words(fingerprint)}"
    )
