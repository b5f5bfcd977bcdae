"""Proves a mapping offline: a tlog-proof whose extra data is salt and body.

It proves that the log held the mapping by this checkpoint; not that it still holds, nor that it is true.
"""

from dataclasses import dataclass

from federation.errors import InvalidTlogProof
from federation.protocol.entry import MappingEntry, encode_entry
from federation.protocol.statement import SALT_BYTES, Statement, commitment, parse_statement
from federation.tlog.checkpoint import LogTrust, SignedCheckpoint
from federation.tlog.note import Note
from federation.tlog.proof import TlogProof, verify_tlog_proof


@dataclass(frozen=True, slots=True)
class ProvenMapping:
    """The mapping of leaf `leaf` of a log, and the checkpoint that proves it."""

    statement: Statement
    leaf: int
    signed: SignedCheckpoint


def make_mapping_proof(
    leaf: int, hashes: tuple[bytes, ...], note: Note, salt: bytes, body: bytes
) -> TlogProof:
    """Makes a proof; `bytes()` of it is the file. Raises InvalidTlogProof."""
    return TlogProof(leaf, hashes, note, salt + body)


def open_mapping_proof(proof: TlogProof, trust: LogTrust) -> ProvenMapping:
    """Verifies such a proof. Show nothing in it before.

    Raises InvalidTlogProof where it holds no salt and body; what `verify_tlog_proof` raises, above all
    InvalidProof where the log does not hold this; InvalidStatement where the body is not a statement.
    """
    if proof.extra is None or len(proof.extra) <= SALT_BYTES:
        raise InvalidTlogProof("this tlog-proof holds no salt and body of a mapping")
    salt, body = proof.extra[:SALT_BYTES], proof.extra[SALT_BYTES:]
    entry = encode_entry(MappingEntry(commitment(salt, body)))
    signed = verify_tlog_proof(proof, entry, trust)
    return ProvenMapping(parse_statement(body), proof.index, signed)
