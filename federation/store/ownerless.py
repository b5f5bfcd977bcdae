"""The tables of the log: none has an owner among the members. Each tells how what it holds of people goes."""

from typing import Final

OWNERLESS_TABLES: Final[dict[str, str]] = {
    "log_state": "sizes and hashes of our own log",
    "log_doubt": "why nothing is signed, for the operator",
    "log_cosignature": "signatures of witnesses over sizes and hashes of logs",
    "log_tile": "hashes, and leaves that are salted hashes: they tell nothing once the salt is gone",
    "log_statement": "what the log says: salt and body go when the leaf's revoke is published",
    "log_revoke": "numbers of leaves, as the log has them",
    "log_operations": "the operator's signed documents",
    "proof_link": "hashes of links that were given out, and numbers of leaves: they go when they expire",
    "daily_check": "the result of the last check: numbers of leaves",
    "peer": "instances, and what their operators and ours have decided",
    "peer_log": "how far the log of a peer was read: sizes and hashes",
    "peer_document": "the signed documents of the operators of peers",
    "peer_bundle": "leaves of the logs of peers, which are salted hashes, as in log_tile",
    "peer_revoke": "numbers of leaves, as the log of a peer has them",
    "peer_statement": "what a peer's log says: salt and body go when the leaf's revoke is read, or the lease is over",
    "peer_missing": "numbers of leaves without a body",
    "peer_nonce": "hashes of requests that were answered: they go when they expire",
    "peer_evidence": "checkpoints and documents of a log that has forked: nothing of people",
    "peer_delivery": "which peers are still to be told of such evidence",
    "peer_witnessed": "sizes and hashes that our witness has cosigned",
    "peer_sample": "numbers of leaves that are looked at, and what was seen",
}
"""Every table of the log stands here: a test compares."""
