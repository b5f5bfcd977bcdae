"""The tables of the log. The migrations make them; a test compares the two."""

from piccolo.columns import BigInt, Bytea, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table


class LogState(Table, tablename="log_state"):
    """One row, number 1: how far our own log is staged, signed, published and taken into the answers."""

    id = SmallInt(primary_key=True)
    origin = Text()
    staged_size = BigInt()
    staged_root = Bytea()
    staged_at = Timestamptz()
    issued_at = Timestamptz()
    signed = Bytea(null=True, default=None)
    published = Bytea(null=True, default=None)
    published_size = BigInt()
    ingested_size = BigInt()


class LogDoubt(Table, tablename="log_doubt"):
    """One row, number 1, while nothing is signed: since when, and why."""

    id = SmallInt(primary_key=True)
    since = Timestamptz()
    reason = Text()


class LogCosignature(Table, tablename="log_cosignature"):
    """The newest cosignature of each witness on each log: one row for `origin` and `name`."""

    origin = Text()
    name = Text()
    key_id = Bytea()
    size = BigInt()
    root = Bytea()
    at = Timestamptz()
    line = Text()


class LogTile(Table, tablename="log_tile"):
    """A tile or an entry bundle, as wide as it has become; `place` is `federation.protocol.tile_places`."""

    place = BigInt(primary_key=True)
    data = Bytea()


class LogStatement(Table, tablename="log_statement"):
    """Salt and body of a leaf. A row is deleted when the leaf's revoke `revoked_by` is published.

    `ended` is the true reason of a revoke that is still to come: set when its entry is staged, or before where it is
    known. The entry itself tells none.
    """

    leaf = BigInt(primary_key=True)
    salt = Bytea()
    body = Bytea()
    ended = SmallInt(null=True, default=None)
    revoked_by = BigInt(null=True, default=None)


class LogRevoke(Table, tablename="log_revoke"):
    """The entry `leaf` of our own log revokes the leaf `target`: what a peer is told who asks for an erased body."""

    target = BigInt(primary_key=True)
    leaf = BigInt()


class LogOperations(Table, tablename="log_operations"):
    """The signed operations documents; without a leaf while they wait for the next batch."""

    number = Integer(primary_key=True)
    note = Bytea()
    leaf = BigInt(null=True, default=None, unique=True)


class ProofLink(Table, tablename="proof_link"):
    """Links by which a proof is fetched once. Not trusted with the token: only its hash is stored."""

    token_hash = Bytea(primary_key=True)
    leaf = BigInt()
    expires = Timestamptz()


class DailyCheck(Table, tablename="daily_check"):
    """One row, number 1: the result of the last daily check of the log."""

    id = SmallInt(primary_key=True)
    made_at = Timestamptz()
    leaves = BigInt()
    faults = Integer()
    first_fault = Text()


class LogRecovery(Table, tablename="log_recovery"):
    """One row, number 1, while our log is brought back: from which size on, to which signed checkpoint, and whose copy of
    the entries is read."""

    id = SmallInt(primary_key=True)
    base_size = BigInt()
    note = Bytea()
    source = Text()


class RecoveredBundle(Table, tablename="recovered_bundle"):
    """An entry bundle of our own log as a peer has it, until the root over all of them was compared."""

    number = BigInt(primary_key=True)
    data = Bytea()


class RecoveredStatement(Table, tablename="recovered_statement"):
    """Salt and body of a leaf that is brought back: compared with its commitment, and not yet part of the log."""

    leaf = BigInt(primary_key=True)
    salt = Bytea()
    body = Bytea()
