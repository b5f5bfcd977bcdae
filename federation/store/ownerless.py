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
    "proof_link": "hashes of links that were given out, and numbers of leaves: they go with the housekeeping once they have expired",
    "log_recovery": "sizes and hashes of our own log, and the address of a peer",
    "recovered_bundle": "hashes and numbers of leaves, as the log has them",
    "recovered_statement": "what the log says, while it is brought back: emptied when it is",
    "daily_check": "the result of the last check: numbers of leaves",
    "peer": "peers: hosts, keys, and what operators decided about them",
    "peer_log": "how far the logs of peers were read: sizes, hashes, and signed notes",
    "peer_document": "the signed operations documents of peers",
    "peer_bundle": "the entries of peers' logs: salted hashes, which tell nothing once the salt is gone",
    "peer_revoke": "numbers of leaves of peers' logs",
    "peer_statement": "what peers say of their members: salt and body go when the peer revokes the leaf, and with the peer",
    "peer_missing": "numbers of leaves of peers' logs",
    "peer_nonce": "hashes of the nonces of signed requests: they go when these are too old to be answered",
    "peer_evidence": "signed notes that contradict each other: hashes and sizes of logs",
    "peer_delivery": "which evidence is still to be sent to which peer",
    "peer_witnessed": "what our witness has cosigned: sizes and hashes of logs",
    "peer_witness": "when each peer is asked for a cosignature of our log: sizes and times",
    "log_known": "a signed checkpoint of our own log that a peer holds",
    "peer_silence": "for how long each peer was seen to be silent",
    "peer_sample": "numbers of leaves that we look at ourselves, and what came of it",
}
"""Every table of the log stands here: a test compares."""
