"""The first operations document of a log."""

from datetime import datetime, timedelta
from typing import Final

from federation.keys.chain import sign_operations
from federation.keys.instance import InstanceKeys
from federation.keys.operations import POLICY_RECHECK_S, POLICY_VALIDITY_S, Operations
from federation.protocol.statement import MAX_VALIDITY
from federation.tlog.note import Note

RECHECK: Final = timedelta(days=60)


def make_genesis(keys: InstanceKeys, now: datetime) -> Note:
    """Signs the document that names the keys of a new instance, with its log key."""
    first = keys.logs[0]
    document = Operations(
        origin=keys.origin,
        number=0,
        previous=None,
        issued=int(now.timestamp()),
        log_key=first.vkey,
        next_key=None,
        witness_key=keys.witness.vkey,
        peer_key=keys.peer.public_key,
        recovery=keys.recovery,
        moved_from=keys.moved_from,
        policy=(
            (POLICY_RECHECK_S, int(RECHECK.total_seconds())),
            (POLICY_VALIDITY_S, int(MAX_VALIDITY.total_seconds())),
        ),
    )
    return sign_operations(document, [first])
