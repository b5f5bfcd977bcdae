"""The tables of peers: who they are, how far their logs were read, and what was read. The migrations make them; a test
compares the two.

`Peer` is what operators decided, `PeerLog` what the software has read. The columns `place` hold the number of a log and a
leaf of it (`federation.protocol.peer_places`), so that each is one key.
"""

from piccolo.columns import (
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    ForeignKey,
    Integer,
    Serial,
    SmallInt,
    Text,
    Timestamptz,
)
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.table import Table

from directory.store.dialect import DIALECT


class Peer(Table, tablename="peer", db=DIALECT):
    """See `federation.protocol.peer.Peer`: what the operators of this instance and of the other have decided.

    `first_key` is the log key of the log's first document; it is pinned once `confirmed_at` is set, and never before
    an operator has compared it. `frozen_from` is the standing that it had when it was frozen last.
    """

    origin = Text(primary_key=True)
    address = Text()
    name = Text(default="")
    contact = Text(default="")
    we_follow = SmallInt(default=0)
    they_follow = SmallInt(default=0)
    first_key = Text()
    confirmed_at = Timestamptz(null=True, default=None)
    asked_at = Timestamptz(null=True, default=None)
    is_listed = Boolean(default=True)
    strengths = Array(SmallInt(), default=[2, 3, 4])
    daily_cap = Integer(null=True, default=None)
    growth_cap = Integer(null=True, default=None)
    sample_size = Integer(default=20)
    moved_to = Text(null=True, default=None)
    frozen_from = SmallInt(null=True, default=None)


class PeerLog(Table, tablename="peer_log", db=DIALECT):
    """How far the log of a peer was read and believed, and when it is read next.

    `size`, `root` and `frontier` are the tree that was read; `note` is the checkpoint under which it was believed, with
    the log's own lines; `cosigned_at` is the time of the log. `bodies_size` is up to where bodies were asked for, and
    `target_size` the newest size that the log has signed. The growth of `day` counts from `day_size`, or from `free_size`
    where that is more: what operators saw at the confirmation, or a recovery says to be right. `skipped` are bodies that we do
    not take from this peer, `invalid` those that say nothing. Until `slow_until` it is read among the slow ones,
    which never have all the slots. `quiet_under` is the SHA-256 of the checkpoint, as it was served, under which all was
    read (`federation.peers.looks`). `unread_document` is the last leaf of a document that could not be had, and is asked for
    again in each round.
    """

    id = Serial(primary_key=True)
    origin = ForeignKey(
        Peer, null=False, unique=True, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    size = BigInt(default=0)
    root = Bytea()
    frontier = Bytea(default=b"")
    note = Bytea(null=True, default=None)
    cosigned_at = Timestamptz(null=True, default=None)
    target_size = BigInt(default=0)
    bodies_size = BigInt(default=0)
    day = Date(null=True, default=None)
    day_size = BigInt(default=0)
    day_taken = BigInt(default=0)
    skipped = BigInt(default=0)
    invalid = BigInt(default=0)
    stopped = Text(default="")
    fault = Text(default="")
    seen_at = Timestamptz(null=True, default=None)
    quiet_under = Bytea(null=True, default=None)
    next_at = Timestamptz()
    attempts = Integer(default=0)
    failures = Integer(default=0)
    slow_until = Timestamptz(null=True, default=None)
    free_size = BigInt(default=0)
    unread_document = BigInt(null=True, default=None)


class PeerDocument(Table, tablename="peer_document", db=DIALECT):
    """The signed operations documents of a peer's log, verified as a chain; without a leaf until its entry was read."""

    log = ForeignKey(PeerLog, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    number = Integer()
    note = Bytea()
    leaf = BigInt(null=True, default=None)


class PeerBundle(Table, tablename="peer_bundle"):
    """The entries of a peer's log, up to its believed size; a bundle is as wide as it has become.

    `root` is that of the tree over a full bundle, so that the root of any smaller size is found without hashing all.
    """

    place = BigInt(primary_key=True)
    data = Bytea()
    root = Bytea(null=True, default=None)


class PeerRevoke(Table, tablename="peer_revoke"):
    """The entry `leaf` of a peer's log names the leaf `target`, which is before it; the first one that does."""

    place = BigInt(primary_key=True)
    leaf = BigInt()


class PeerStatement(Table, tablename="peer_statement"):
    """Salt and body of a live leaf of a peer's log, as the peer served them: leased, and erased when it is revoked."""

    place = BigInt(primary_key=True)
    salt = Bytea()
    body = Bytea()


class PeerMissing(Table, tablename="peer_missing"):
    """A leaf that holds and has no body: since which time of the log, None where it was not asked for yet.

    `asked_at` is when it was asked for last, by our own clock: those that have waited longest come first.
    """

    place = BigInt(primary_key=True)
    missing_at = Timestamptz(null=True, default=None)
    asked_at = Timestamptz(null=True, default=None)
    is_breach = Boolean(default=False)


class PeerNonce(Table, tablename="peer_nonce"):
    """The nonces of signed requests that were answered: none is answered twice."""

    digest = Bytea(primary_key=True)
    until = Timestamptz()


class PeerEvidence(Table, tablename="peer_evidence"):
    """Evidence of an equivocation, as a file that anyone can verify."""

    origin = Text()
    digest = Bytea(unique=True)
    file = Bytea()
    found_at = Timestamptz()
    told_by = Text(default="")
    is_proven = Boolean(default=False)
    explained = Text(default="")
    older_size = BigInt(default=0)
    newer_size = BigInt(default=0)


class PeerDelivery(Table, tablename="peer_delivery", db=DIALECT):
    """Evidence that is still to be sent to a peer."""

    evidence = ForeignKey(PeerEvidence, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    origin = ForeignKey(Peer, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    next_at = Timestamptz()
    attempts = Integer(default=0)


class PeerWitnessed(Table, tablename="peer_witnessed"):
    """What our witness has cosigned last of each log of others."""

    origin = Text(primary_key=True)
    size = BigInt()
    root = Bytea()
    note = Bytea()
    at = Timestamptz()
    line = Text()


class PeerWitness(Table, tablename="peer_witness", db=DIALECT):
    """How a peer cosigns our own log: the size that it was last known to have cosigned, and when it is asked next."""

    id = Serial(primary_key=True)
    origin = ForeignKey(
        Peer, null=False, unique=True, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    size = BigInt(default=0)
    cosigned_at = Timestamptz(null=True, default=None)
    fault = Text(default="")
    next_at = Timestamptz()
    attempts = Integer(default=0)
    failures = Integer(default=0)


class LogKnown(Table, tablename="log_known"):
    """One row, number 1: a checkpoint of our own log that a peer holds and this database does not lead to."""

    id = SmallInt(primary_key=True)
    size = BigInt()
    note = Bytea()
    told_by = Text()
    seen_at = Timestamptz()


class PeerSilence(Table, tablename="peer_silence", db=DIALECT):
    """How long a peer was seen to be silent: see `federation.peers.lease`."""

    origin = ForeignKey(
        Peer, null=False, primary_key=True, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    heard_at = Timestamptz()
    seen_at = Timestamptz()
    days = Integer()


class PeerSample(Table, tablename="peer_sample", db=DIALECT):
    """A leaf of a peer whose evidence we look at ourselves, in one month. It is drawn when `next_at` has come."""

    origin = ForeignKey(Peer, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    month = Date()
    leaf = BigInt(null=True, default=None)
    result = SmallInt(null=True, default=None)
    reason = Text(default="")
    next_at = Timestamptz()
    attempts = Integer(default=0)
