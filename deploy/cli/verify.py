"""`passerelle verify`."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import click
from rich.markup import escape

from deploy.cli.equivocation import tell_equivocation, tell_witnesses
from deploy.cli.output import console, errors
from deploy.settings_file import own_settings
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.mappings import Strength, has_begun
from directory.origin_names import LOG_SUFFIX, is_origin
from directory.secret_files import MissingSecret, SecretFileError
from federation.errors import FederationError, InvalidKey
from federation.keys.equivocation import Equivocation, open_evidence
from federation.keys.evidence import HEADER, MAX_EVIDENCE_BYTES, Evidence
from federation.keys.fingerprints import to_words
from federation.own_log.mapping_proof import ProvenMapping, open_mapping_proof
from federation.protocol.statement import Statement
from federation.tlog.checkpoint import LogTrust
from federation.tlog.cosignature import CosignatureVerifier
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.note import NoteVerifier
from federation.tlog.proof import MAX_TLOG_PROOF_BYTES, TlogProof
from federation.tlog.text import count_leaves

_MAX_BYTES: Final = max(MAX_TLOG_PROOF_BYTES, MAX_EVIDENCE_BYTES)

_HOW_SURE = {
    Strength.BOUND: "number and name of the X account were both proven",
    Strength.HANDLE: "the name of the X account was proven",
    Strength.LINKED: "both profiles link to one page of the instance",
}


class VkeyType(click.ParamType[VerifierKey]):
    """A verifier key, `name+id+key`."""

    name = "vkey"

    def convert(
        self, value: VerifierKey | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> VerifierKey:
        if isinstance(value, VerifierKey):
            return value
        try:
            return VerifierKey.parse(value)
        except InvalidKey as error:
            self.fail(str(error), param, ctx)


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--key",
    "keys",
    type=VkeyType(),
    multiple=True,
    help="A key of the log, from its operator or /.well-known/passerelle. Not needed for the log of this machine.",
)
@click.option(
    "--witness",
    "witnesses",
    type=VkeyType(),
    multiple=True,
    help="A witness that must have seen it; of an equivocation, one that may have.",
)
def command(file: Path, keys: tuple[VerifierKey, ...], witnesses: tuple[VerifierKey, ...]) -> None:
    """Check a file without any network, and end with 1 where it proves nothing.

    A .tlog-proof tells who said what, and by when. Evidence of an equivocation tells whether a log has signed two trees
    that contradict each other.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        if data.startswith(f"{HEADER}\n".encode()):
            found = _open_evidence(data, keys, witnesses)
            tell_equivocation(found, SystemClock().now())
            sys.exit(0 if found.is_proven else 1)
        proof = TlogProof.parse(data)
        keys = keys or _keys_here(proof.checkpoint.origin)
        proven = open_mapping_proof(proof, _trust(keys, witnesses))
    except FederationError as error:
        errors.print(
            f"[bold red]This proves nothing:[/] {escape(str(error))}.", highlight=False, soft_wrap=True
        )
        sys.exit(1)
    _tell(proven, keys)


def _open_evidence(
    data: bytes, keys: tuple[VerifierKey, ...], witnesses: tuple[VerifierKey, ...]
) -> Equivocation:
    evidence = Evidence.parse(data)
    trust = _trust(keys or _keys_here(evidence.origin), witnesses)
    return open_evidence(evidence, [key.vkey for key in trust.log_keys], trust.witnesses)


def _keys_here(origin: str) -> tuple[VerifierKey, ...]:
    """Returns the log keys of this machine's own instance, if the log is its own."""
    unread = ""
    try:
        own = key_folder(own_settings()).read_logs()
        if own[0].name == origin:
            return tuple(key.vkey for key in own)
    except MissingSecret:
        pass  # most who verify have no instance
    except SecretFileError as error:
        unread = f" (Those of this machine cannot be read: {error})"
    # The name is not verified yet: it only tells the user where to look for the key.
    host = origin.removesuffix(LOG_SUFFIX) if is_origin(origin) else "<host>"
    raise click.UsageError(
        "the key of the log is needed: --key. Its operator tells it, and"
        f" https://{host}/.well-known/passerelle shows it under keys, log, key." + unread
    )


def _trust(keys: tuple[VerifierKey, ...], witnesses: tuple[VerifierKey, ...]) -> LogTrust:
    if {key.kind for key in keys} != {KeyKind.NOTE} or len({key.name for key in keys}) != 1:
        raise click.UsageError("--key takes keys of one log")
    if any(key.kind is not KeyKind.COSIGNATURE for key in witnesses):
        raise click.UsageError("--witness takes keys of witnesses")
    return LogTrust(
        keys[0].name,
        tuple(map(NoteVerifier, keys)),
        tuple(map(CosignatureVerifier, witnesses)),
        len(witnesses),
    )


def _tell_doubts(said: Statement, now: datetime) -> list[str]:
    """Says why nobody may follow it unseen, whatever became of it since."""
    lines: list[str] = []
    if not has_begun(said.issued, now):
        lines.append("That is in the future: it does not hold yet, and nobody may follow it before.")
    if said.expires <= now:
        lines.append("That is over: it holds no more.")
    if said.is_contested:
        lines.append("It was in question when it was said: somebody else may have one of the accounts.")
    return lines


def _tell(proven: ProvenMapping, keys: tuple[VerifierKey, ...]) -> None:
    said, checkpoint = proven.statement, proven.signed.checkpoint
    number = f" (number {said.x_id})" if said.x_id is not None else ""
    lines = [
        f"{checkpoint.origin} has said that @{said.x_handle}{number} on X",
        f"is now {said.target_handle} on {said.network} ({said.target_id}).",
        f"How sure: {_HOW_SURE[said.strength]}.",
        f"It was issued on {said.issued:%Y-%m-%d} and holds until {said.expires:%Y-%m-%d} at the latest.",
        *_tell_doubts(said, SystemClock().now()),
        f"It is leaf {proven.leaf} of the log, under a signed checkpoint of {count_leaves(checkpoint.size)}.",
    ]
    lines += tell_witnesses(proven.signed)
    if not proven.signed.cosignatures:
        lines.append("No witness says when: the dates are the instance's own word.")
    lines += [
        "",
        "It does not prove that it still holds: it may have been withdrawn since. Ask",
        f"https://{checkpoint.origin.removesuffix('/log')}/api/v1/live/{checkpoint.origin}/{proven.leaf}",
        "Nor does it prove that it is true: it proves who said it. The key of the log is, in words:",
        *(to_words(key.fingerprint) for key in keys),
    ]
    for text in lines:
        console.print(escape(text), highlight=False, soft_wrap=True)
