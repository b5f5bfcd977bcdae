"""The directory's tables. The migrations create them; a test compares the two."""

from piccolo.columns import (
    JSON,
    UUID,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    ForeignKey,
    Integer,
    Serial,
    SmallInt,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.table import Table

from directory.store.dialect import DIALECT
from directory.x_names import X_NAME_CHARS


class Origin(Table, tablename="origin", db=DIALECT):
    """See `directory.origins.Origin`; `is_demo` marks those that `passerelle demo` invented."""

    id = Serial(primary_key=True)
    name = Text(unique=True)
    is_demo = Boolean(default=False)
    standing = SmallInt(default=0)
    heard_at = Timestamptz(null=True, default=None)


class Mapping(Table, tablename="mapping"):
    """See `directory.mappings.Mapping`. The `_key` columns hold what is compared, in lower case."""

    id = BigSerial(primary_key=True)
    x_id = BigInt(null=True, default=None)
    x_handle = Varchar(length=X_NAME_CHARS)
    x_handle_key = Varchar(length=X_NAME_CHARS)
    network = SmallInt()
    target_id = Text()
    target_handle = Text()
    target_handle_key = Text()
    strength = SmallInt()
    state = SmallInt()
    origin = ForeignKey(Origin, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict)
    leaf = BigInt(null=True, default=None)
    issued = Timestamptz()
    expires = Timestamptz()
    name_until = Timestamptz()
    evidence = JSON()
    is_contested = Boolean(default=False)
    checked_until = Timestamptz(null=True, default=None)


class StagedBatch(Table, tablename="staged_batch", db=DIALECT):
    """Row numbers of pending mappings, and the leaf of each: see `directory.store.staged_leaves`."""

    id = BigSerial(primary_key=True)
    mappings = Array(base_column=BigInt())
    leaves = Array(base_column=BigInt())


class Arrival(Table, tablename="arrival"):
    """Leaves of an origin that were taken in and are still to be matched with kept follow lists."""

    id = BigSerial(primary_key=True)
    origin = ForeignKey(Origin, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    next_leaf = BigInt()
    end_leaf = BigInt()
    next_at = Timestamptz()
    attempts = Integer(default=0)


class LeftOut(Table, tablename="left_out"):
    """A leaf of a peer that was not taken in, as its log says too much of one X account: see `directory.store.crowds`."""

    id = BigSerial(primary_key=True)
    origin = ForeignKey(Origin, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    leaf = BigInt()
    x_id = BigInt(null=True, default=None)
    x_handle_key = Varchar(length=X_NAME_CHARS)


class Member(Table, tablename="member"):
    """See `directory.accounts.Member`. No row of a member outlives this one, but for tokens that are being
    revoked."""

    id = UUID(primary_key=True)
    created = Timestamptz()


class LinkedAccount(Table, tablename="linked_account"):
    """See `directory.accounts.LinkedAccount`, and `directory.store.account_columns` for the columns of the
    account.

    `recheck_at` is set while something is published of it.
    """

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    network = SmallInt()
    account_id = Text(null=True, default=None)
    handle = Text()
    handle_key = Text()
    evidence = JSON()
    linked_at = Timestamptz()
    proven_at = Timestamptz()
    checked_at = Timestamptz()
    recheck_at = Timestamptz(null=True, default=None)
    recheck_attempts = Integer(default=0)
    health = SmallInt(default=0)
    health_since = Timestamptz(null=True, default=None)
    on_page = Boolean(default=False)
    moved_to = Text(null=True, default=None)
    has_rival = Boolean(default=False)
    page = Text(null=True, default=None)
    software = Text(default="")


class ContestedClaim(Table, tablename="contested_claim"):
    """See `directory.members.claims.Claim`. `next_at` is when the evidence of an approved claim is looked at again, and
    `doubted_at` when it was first seen not to hold."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    holder = ForeignKey(
        LinkedAccount, null=True, default=None, on_delete=OnDelete.set_null, on_update=OnUpdate.restrict
    )
    account_id = Text(null=True, default=None)
    handle = Text()
    evidence = JSON()
    state = SmallInt()
    claimed_at = Timestamptz()
    proven_at = Timestamptz()
    decided_at = Timestamptz(null=True, default=None)
    settled_at = Timestamptz(null=True, default=None)
    next_at = Timestamptz(null=True, default=None)
    attempts = Integer(default=0)
    doubted_at = Timestamptz(null=True, default=None)


class MemberSession(Table, tablename="member_session"):
    """See `directory.members.sessions.Session`. The token itself is not stored, only its SHA-256."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    account = ForeignKey(LinkedAccount, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    token_hash = Bytea(unique=True)
    label = Text()
    created = Timestamptz()
    used_at = Timestamptz()


class SignIn(Table, tablename="sign_in"):
    """See `directory.members.sign_ins.SignIn`: one way to a network and back, for one browser."""

    id = UUID(primary_key=True)
    state_hash = Bytea(unique=True)
    browser_hash = Bytea()
    purpose = SmallInt()
    network = SmallInt()
    member = ForeignKey(
        Member, null=True, default=None, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    sealed = Bytea()
    expires = Timestamptz()


class Token(Table, tablename="token"):
    """See `directory.members.tokens.Token`: what a network lets us do for a member, sealed.

    `held_until` is set while somebody renews it: see `directory/store/tokens.py`.
    """

    id = UUID(primary_key=True)
    account = ForeignKey(LinkedAccount, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict)
    purpose = SmallInt()
    issuer = Text()
    scopes = Text()
    token_hash = Bytea()
    sealed = Bytea()
    granted_at = Timestamptz()
    refreshed_at = Timestamptz()
    access_expires = Timestamptz(null=True, default=None)
    held_until = Timestamptz(null=True, default=None)


class Revocation(Table, tablename="revocation"):
    """A token that its network has still to revoke; it names no member.

    `sent_at` is set while an attempt may be at the network.
    """

    id = UUID(primary_key=True)
    network = SmallInt()
    issuer = Text()
    token_hash = Bytea()
    sealed = Bytea()
    asked_at = Timestamptz()
    attempts = Integer(default=0)
    next_at = Timestamptz()
    sent_at = Timestamptz(null=True, default=None)


class HostBackoff(Table, tablename="host_backoff"):
    """See `directory.networks.backoff.Backoff`: a host that jobs leave alone for a while."""

    host = Text(primary_key=True)
    until = Timestamptz()
    failures = Integer()
    changed_at = Timestamptz()


class MastodonApp(Table, tablename="mastodon_app"):
    """This instance's registration at a server, for one scope. `due_at` is when it is to be registered anew,
    `renewed_at` when that was last begun."""

    id = UUID(primary_key=True)
    host = Text()
    scope = Text()
    redirect_uri = Text()
    client_id = Text()
    sealed = Bytea()
    checked_at = Timestamptz()
    name = Text()
    due_at = Timestamptz(null=True, default=None)
    renewed_at = Timestamptz(null=True, default=None)


class Challenge(Table, tablename="challenge"):
    """See `directory.members.challenges.Challenge`. The nonce is sealed; its hash keeps it unique. `post_id` is the
    post that met it."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    nonce_hash = Bytea(unique=True)
    sealed = Bytea()
    instance = Text()
    language = Text()
    targets = Array(base_column=Text())
    target_handles = Array(base_column=Text())
    state = SmallInt()
    created = Timestamptz()
    expires = Timestamptz()
    closed_at = Timestamptz(null=True, default=None)
    post_id = BigInt(null=True, default=None)


class ProofCheck(Table, tablename="proof_check"):
    """See `directory.members.challenges.ProofCheck`: a post that was handed in, and the state of its check."""

    id = UUID(primary_key=True)
    challenge = ForeignKey(Challenge, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    post_id = BigInt()
    state = SmallInt()
    attempts = Integer(default=0)
    created = Timestamptz()
    next_at = Timestamptz()
    finished_at = Timestamptz(null=True, default=None)
    reason = Text(null=True, default=None)


class MemberPage(Table, tablename="member_page"):
    """The lasting address of a member's page, `/m/<code>`. A code is never given to another member."""

    code = Text(primary_key=True)
    member = ForeignKey(
        Member, null=False, unique=True, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )


class LinkCheck(Table, tablename="link_check"):
    """See `directory.members.page_links.LinkCheck`: profiles that are to link to a member's page."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    x_handle = Text()
    state = SmallInt()
    attempts = Integer(default=0)
    created = Timestamptz()
    next_at = Timestamptz()
    finished_at = Timestamptz(null=True, default=None)
    reason = Text(null=True, default=None)


class Consent(Table, tablename="consent"):
    """See `directory.members.consents.Consent`. Rows are ended, never changed, but those from the future: they are the history."""

    id = BigSerial(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    kind = SmallInt()
    version = SmallInt()
    given_at = Timestamptz()
    expires = Timestamptz(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)
    ended_by = SmallInt(null=True, default=None)


class Publication(Table, tablename="publication"):
    """A member's publication of a mapping. `replaces` answers until `mapping` does."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict)
    x_account = ForeignKey(
        LinkedAccount, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict
    )
    target_account = ForeignKey(
        LinkedAccount, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict
    )
    network = SmallInt()
    mapping = ForeignKey(
        Mapping, null=False, unique=True, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict
    )
    replaces = ForeignKey(
        Mapping,
        null=True,
        default=None,
        unique=True,
        on_delete=OnDelete.restrict,
        on_update=OnUpdate.restrict,
    )
    published_at = Timestamptz()


class FollowList(Table, tablename="follow_list"):
    """A list of an archive that a member lets us keep: for each person an id, a handle and the day on which it was
    seen; 0, '' and 1970-01-01 where unknown."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    kind = SmallInt()
    x_ids = Array(base_column=BigInt())
    x_handles = Array(base_column=Text())
    x_seen = Array(base_column=Date())
    kept_at = Timestamptz()


class Newcomer(Table, tablename="newcomer"):
    """A mapping of somebody whom a member follows on X, taken in after the list was kept. `is_again`: its account was known,
    and `found_at` is when it came first."""

    id = BigSerial(primary_key=True)
    follow_list = ForeignKey(FollowList, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    mapping = ForeignKey(Mapping, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    found_at = Timestamptz()
    is_again = Boolean(default=False)


class KnownAccount(Table, tablename="known_account"):
    """An account that somebody on a kept list was found to have: see `directory.store.known_accounts`. Without
    `found_at` it was there as the list was kept."""

    id = BigSerial(primary_key=True)
    follow_list = ForeignKey(FollowList, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    digest = Bytea()
    found_at = Timestamptz(null=True, default=None)


class FollowRun(Table, tablename="follow_run"):
    """See `directory.follows.runs.Run`."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    account = ForeignKey(LinkedAccount, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    network = SmallInt()
    host = Text()
    kind = SmallInt()
    source = SmallInt()
    title = Text(default="")
    state = SmallInt()
    created_at = Timestamptz()
    starts_at = Timestamptz()
    next_at = Timestamptz()
    attempts = Integer(default=0)
    ended_at = Timestamptz(null=True, default=None)
    is_read = Boolean(default=False)
    note = Text(default="")


class FollowItem(Table, tablename="follow_item"):
    """See `directory.follows.runs.Item`: one person in a run, once."""

    id = BigSerial(primary_key=True)
    run = ForeignKey(FollowRun, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    number = Integer()
    target_id = Text()
    target_handle = Text()
    x_id = BigInt(null=True, default=None)
    x_handle = Text(default="")
    x_seen = Date(null=True, default=None)
    lists = SmallInt(default=0)
    is_ticked = Boolean(default=False)
    bridge_of = Text(default="")
    state = SmallInt(default=0)
    reason = SmallInt(default=0)
    moved_id = Text(default="")
    moved_handle = Text(default="")
    remote = Text(default="")
    looks = SmallInt(default=0)
    changed_at = Timestamptz()


class FollowBudget(Table, tablename="follow_budget"):
    """See `directory.follows.runs.Budget`, of each account that follows."""

    account = ForeignKey(
        LinkedAccount, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict, primary_key=True
    )
    hour_began = Timestamptz()
    hour_spent = Integer(default=0)
    day_began = Timestamptz()
    day_spent = Integer(default=0)
    not_before = Timestamptz(null=True, default=None)


class IgnoredPerson(Table, tablename="ignored_person"):
    """Somebody whom a member does not want offered any more."""

    id = BigSerial(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    network = SmallInt()
    target_id = Text()
    ignored_at = Timestamptz()


class StandingMatch(Table, tablename="standing_match"):
    """See `directory.follows.runs.StandingMatch`."""

    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    account = ForeignKey(
        LinkedAccount, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict, primary_key=True
    )
    since = Timestamptz()
    last_batch = Date(null=True, default=None)
    looked_at = Timestamptz(null=True, default=None)


class Face(Table, tablename="face"):
    """How an account looks that was found: public, and kept for a day, whoever it was found for."""

    id = BigSerial(primary_key=True)
    network = SmallInt()
    target_id = Text()
    handle = Text()
    name = Text()
    description = Text()
    code = Text()
    reason = SmallInt(default=0)
    moved_id = Text(default="")
    moved_handle = Text(default="")
    picture_url = Text(default="")
    picture = Bytea(null=True, default=None)
    picture_type = Text(default="")
    fetched_at = Timestamptz()


class NewcomerMessage(Table, tablename="newcomer_message"):
    """See `directory.members.newcomer_messages.NewcomerMessages`. `sealed` is the code that stops them."""

    id = UUID(primary_key=True)
    member = ForeignKey(
        Member, null=False, unique=True, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    account = ForeignKey(LinkedAccount, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    network = SmallInt()
    language = Text()
    sealed = Bytea()
    code_hash = Bytea(unique=True)
    state = SmallInt(default=0)
    ended_by = SmallInt(default=0)
    is_tested = Boolean(default=False)
    chosen_at = Timestamptz()
    next_at = Timestamptz()
    attempts = Integer(default=0)
    failures = SmallInt(default=0)
    trouble = SmallInt(default=0)
    troubles = SmallInt(default=0)
    last_sent_at = Timestamptz(null=True, default=None)
    told_until = BigInt(default=0)


class Hide(Table, tablename="hide", db=DIALECT):
    """See `directory.moderation.hides.Hide`."""

    id = UUID(primary_key=True)
    origin = ForeignKey(Origin, null=False, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict)
    network = SmallInt()
    x_id = BigInt(null=True, default=None)
    x_handle = Varchar(length=X_NAME_CHARS)
    x_handle_key = Varchar(length=X_NAME_CHARS)
    leaf = BigInt(null=True, default=None)
    member = ForeignKey(
        Member, null=True, default=None, on_delete=OnDelete.cascade, on_update=OnUpdate.restrict
    )
    reason = Text()
    hidden_by = Text()
    hidden_at = Timestamptz()


class InstanceIdentity(Table, tablename="instance_identity", db=DIALECT):
    """See `directory.store.instance_identity`: fingerprints of the secrets that the instance's machines share."""

    part = Text(primary_key=True)
    fingerprint = Bytea()
    place = Text()
    recorded_at = Timestamptz()


class LivedTime(Table, tablename="lived_time", db=DIALECT):
    """See `directory.lived_time.LivedTime`: one row."""

    id = SmallInt(primary_key=True)
    believed = Timestamptz()
    seen_at = Timestamptz()
    days = Integer()


class ReplicaBeat(Table, tablename="replica_beat", db=DIALECT):
    """See `directory.store.beats`: one row, by which replicas show how current they are."""

    id = SmallInt(primary_key=True)
    number = BigInt()
    mark = UUID(default=None)


class DirectoryCount(Table, tablename="directory_count", db=DIALECT):
    """See `directory.store.statistics`: one row, what was counted last."""

    id = SmallInt(primary_key=True)
    took_s = DoublePrecision(default=None)
    counts = JSON()


class InstanceSetting(Table, tablename="instance_setting", db=DIALECT):
    """See `directory.instance_settings`: one row for each setting that is not at its default."""

    key = Text(primary_key=True)
    value = JSON()
    changed_at = Timestamptz()
