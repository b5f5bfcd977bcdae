"""Statements, their bodies and their commitments."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Network, Strength
from federation.protocol.statement import Statement, commitment, encode_statement
from tests.vectors.fixed import TIME, Case, bad, good

Wrong = tuple[str, str, str]
"""The name of a case, why it is one, and its body."""

SALT = bytes(range(32))
END_OF_9999 = 253_402_300_799
ISSUED = datetime.fromtimestamp(TIME, UTC)


def statement_values() -> dict[str, Statement]:
    until = ISSUED + timedelta(days=180)
    bound = Statement(
        XId(783_214),
        XHandle("Ada_L"),
        Network.BLUESKY,
        Did.parse("did:plc:" + "a" * 24),
        AtHandle.parse("ada.people.example"),
        Strength.BOUND,
        (
            Evidence(EvidenceKind.X_POST_ID, ISSUED - timedelta(hours=1), "https://x.com/Ada_L/status/20"),
            Evidence(EvidenceKind.BLUESKY_OAUTH, ISSUED),
        ),
        ISSUED,
        until,
    )
    mastodon = replace(
        bound,
        network=Network.MASTODON,
        target_id=ActorUri.parse("https://social.example/users/ada"),
        target_handle=Acct("ada", "social.example"),
        evidence=(bound.evidence[0], Evidence(EvidenceKind.MASTODON_OAUTH, ISSUED)),
    )
    oembed = (Evidence(EvidenceKind.X_POST_HANDLE, ISSUED), Evidence(EvidenceKind.MASTODON_OAUTH, ISSUED))
    handle = replace(mastodon, x_id=None, strength=Strength.HANDLE, evidence=oembed)
    linked = replace(
        handle,
        strength=Strength.LINKED,
        evidence=tuple(
            Evidence(EvidenceKind.PROFILE_LINK, ISSUED, ref)
            for ref in ("https://x.com/Ada_L", "https://social.example/@ada")
        ),
    )
    short = replace(handle, expires=ISSUED + timedelta(seconds=1))
    contested = replace(bound, is_contested=True)
    signed_in = replace(
        bound,
        evidence=(Evidence(EvidenceKind.X_OAUTH, ISSUED), Evidence(EvidenceKind.BLUESKY_OAUTH, ISSUED)),
    )
    confirmed = replace(
        handle,
        evidence=(
            Evidence(EvidenceKind.MASTODON_OAUTH, ISSUED),
            Evidence(EvidenceKind.X_CONFIRMED, ISSUED, "https://x.com/Ada_L/status/20"),
        ),
    )
    long = replace(handle, x_handle=XHandle("Ada_L" + "_" * 15))
    more = replace(bound, ext=(("a", "~"), ("note_2", "it means nothing")))
    web = replace(bound, target_id=Did.parse("did:web:ada.example"), x_id=XId(2**63 - 1))
    return {
        "bound": bound,
        "mastodon": mastodon,
        "handle": handle,
        "linked": linked,
        "one-second": short,
        "did-web": web,
        "contested": contested,
        "x-oauth": signed_in,
        "x-confirmed": confirmed,
        "ext": more,
        "long-handle": long,
    }


def statements() -> list[Case]:
    values = statement_values()
    bodies = {name: encode_statement(value) for name, value in values.items()}
    cases = [
        good(name, "", counts=[item.kind for item in values[name].evidence], **opening(body))
        for name, body in bodies.items()
    ]
    bound = bodies["bound"].decode()
    day = 86_400

    def changed(*path: str | int, to: Any) -> str:
        value = json.loads(bound)
        at = value
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def seen(name: str, *items: str | Case) -> str:
        value = json.loads(bodies[name])
        value["evidence"] = [item if isinstance(item, dict) else {"at": TIME, "kind": item} for item in items]
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def link(ref: str) -> Case:
        return {"at": TIME, "kind": "profile-link", "ref": ref}

    on_x, elsewhere = link("https://x.com/Ada_L"), link("https://social.example/@ada")
    proven = ("x-post-id", "bluesky-oauth")
    ignored = [
        (
            "later-kind",
            "evidence of a kind that nobody knows yet is ignored",
            seen("bound", "hearsay", *proven),
        ),
        (
            "later-kind-long",
            "a kind has up to 32 characters",
            seen("bound", *proven, {"at": 0, "kind": "a-" * 15 + "a1", "ref": "anything"}),
        ),
        ("later-kinds", "eight items with those that are ignored", seen("bound", *proven, *["later"] * 6)),
    ]
    cases += [
        good(label, desc, counts=list(proven), **opening(body.encode())) for label, desc, body in ignored
    ]
    supported: list[tuple[str, str, str, tuple[str | Case, ...]]] = [
        ("links", "two links, in any order", "linked", (elsewhere, on_x)),
        ("both-sign-ins", "a sign-in at another network besides", "bound", (*proven, "mastodon-oauth")),
        (
            "more-than-enough",
            "stronger evidence besides",
            "handle",
            ("x-oauth", "x-confirmed", "mastodon-oauth"),
        ),
    ]
    for label, desc, name, items in supported:
        kinds = [item if isinstance(item, str) else item["kind"] for item in items]
        cases.append(good(label, desc, counts=kinds, **opening(seen(name, *items).encode())))

    def on_mastodon(field: str, to: str) -> str:
        value = json.loads(bodies["mastodon"])
        value["to"][field] = to
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    wrong: list[Wrong] = [
        ("space", "a space after a colon", bound.replace('"v":1', '"v": 1')),
        ("newline", "a newline at the end", bound + "\n"),
        ("order", "keys are not sorted", bound.replace('"v":1,', "").replace("{", '{"v":1,', 1)),
        ("twice", "a key stands twice", bound.replace('"v":1', '"v":1,"v":1')),
        ("escape", "an escaped letter", bound.replace("Ada", "\\u0041da")),
        ("float", "a number with a point", bound.replace('"v":1', '"v":1.0')),
        ("exponent", "a number with an exponent", bound.replace(str(TIME), "18e8")),
        (
            "null",
            "an optional field is left out, not null",
            bound.replace('"kind":"bluesky-oauth"', '"kind":"bluesky-oauth","ref":null'),
        ),
        ("contested-false", "what is not contested does not say so", changed("contested", to=False)),
        ("contested-number", "contested is true, not a number", changed("contested", to=1)),
        ("contested-null", "an optional field is left out, not null", changed("contested", to=None)),
        ("more", "a field that is not known", changed("more", to=1)),
        ("version", "another version", changed("v", to=2)),
        ("imported", "imports never enter a log", changed("strength", to="imported")),
        ("handle-with-id", "an id that was not proven", changed("strength", to="handle")),
        ("id-number", "an id is a text", changed("x", "id", to=783_214)),
        ("id-zero", "an id with a leading zero", changed("x", "id", to="0783214")),
        ("id-beyond", "an id of 2^63", changed("x", "id", to=str(2**63))),
        ("handle-beyond", "an X handle of 21 characters", changed("x", "handle", to="Ada_L" + "_" * 16)),
        ("at-sign", "a handle without its @", changed("x", "handle", to="@Ada_L")),
        ("upper-case-host", "host names in lower case", changed("to", "handle", to="Ada.people.example")),
        ("other-network", "a DID on Mastodon", changed("to", "network", to="mastodon")),
        ("hyphen", "a label of a host ends with a hyphen", changed("to", "handle", to="ada-.example")),
        ("one-label", "a host of one label", changed("to", "handle", to="localhost")),
        ("number", "the last label of a host is a number", changed("to", "handle", to="192.0.2.1")),
        ("uri-space", "an actor with a space", on_mastodon("id", "https://social.example/users/a b")),
        ("uri-port", "an actor with a port", on_mastodon("id", "https://social.example:443/users/ada")),
        ("uri-fragment", "an actor with an empty fragment", on_mastodon("id", "https://social.example/ada#")),
        ("uri-server", "a server, not an actor", on_mastodon("id", "https://social.example/")),
        ("user-dot", "a user name that ends with a dot", on_mastodon("handle", "ada.@social.example")),
        ("year", "evidence after the year 9999", changed("evidence", 0, "at", to=253_402_300_800)),
        ("beyond-json", "a number of 2^53", changed("evidence", 0, "at", to=2**53)),
        ("no-evidence", "no evidence", changed("evidence", to=[])),
        ("nine", "nine pieces of evidence", seen("bound", *proven, *["x-oauth"] * 7)),
        ("nine-ignored", "nine pieces, most of an unknown kind", seen("bound", *proven, *["later"] * 7)),
        ("bound-by-hearsay", "an unknown kind proves nothing", seen("bound", "hearsay", "bluesky-oauth")),
        (
            "bound-by-handle",
            "a handle's proof does not bind a number",
            seen("bound", "x-post-handle", "bluesky-oauth"),
        ),
        ("bound-by-sign-in", "nothing proves the X side", seen("bound", "bluesky-oauth")),
        ("bound-alone", "nothing proves the new account", seen("bound", "x-post-id")),
        (
            "bound-elsewhere",
            "the sign-in is at another network",
            seen("bound", "x-post-id", "mastodon-oauth"),
        ),
        (
            "handle-by-number",
            "a number's proof is no proof of the handle alone",
            seen("handle", "x-post-id", "mastodon-oauth"),
        ),
        ("handle-alone", "nothing proves the new account", seen("handle", "x-post-handle")),
        (
            "handle-elsewhere",
            "the sign-in is at another network",
            seen("handle", "x-post-handle", "bluesky-oauth"),
        ),
        ("linked-by-one", "one link and a sign-in", seen("linked", on_x, "mastodon-oauth")),
        (
            "linked-by-another",
            "the link on X is on another profile",
            seen("linked", link("https://x.com/Mallory"), elsewhere),
        ),
        ("linked-on-x-twice", "both links are on X", seen("linked", on_x, on_x)),
        ("linked-not-on-x", "no link is on X", seen("linked", elsewhere, elsewhere)),
        ("linked-no-ref", "a link that tells no place", seen("linked", on_x, "profile-link")),
        (
            "linked-on-twitter",
            "twitter.com is no other host",
            seen("linked", on_x, link("https://twitter.com/ada")),
        ),
        (
            "linked-below-x",
            "nor is a name below x.com",
            seen("linked", on_x, link("https://mobile.x.com/ada")),
        ),
        (
            "linked-by-post",
            "a post on X is no profile",
            seen("linked", link("https://x.com/Ada_L/status/20"), elsewhere),
        ),
        ("demo", "what is made up is no evidence", seen("bound", *proven, "demo")),
        ("import", "what is taken over is no evidence", seen("bound", *proven, "import")),
        ("kind-upper-case", "a kind in upper case", seen("bound", *proven, "Later")),
        ("kind-long", "a kind of 33 characters", seen("bound", *proven, "a" * 33)),
        ("kind-empty", "a kind without a name", seen("bound", *proven, "")),
        (
            "later-field",
            "a field that is not known, in an item that is ignored",
            seen("bound", *proven, {"at": 1, "kind": "later", "more": 1}),
        ),
        (
            "later-ref",
            "an empty reference, in an item that is ignored",
            seen("bound", *proven, {"at": 1, "kind": "later", "ref": ""}),
        ),
        ("ext-empty", "an empty ext is left out", changed("ext", to={})),
        ("ext-number", "ext holds texts alone", changed("ext", to={"a": 1})),
        ("ext-nested", "ext holds texts alone", changed("ext", to={"a": {"b": "c"}})),
        ("ext-name", "a name in ext in upper case", changed("ext", to={"A": "b"})),
        ("ext-text-empty", "an empty text in ext", changed("ext", to={"a": ""})),
        ("ext-text-long", "a text of 501 characters in ext", changed("ext", to={"a": "b" * 501})),
        ("ext-many", "17 names in ext", changed("ext", to={f"n{n}": "b" for n in range(17)})),
        ("ext-list", "ext is an object", changed("ext", to=["a"])),
        ("ref-empty", "an empty reference", changed("evidence", 0, "ref", to="")),
        ("ref-long", "a reference of 501 characters", changed("evidence", 0, "ref", to="a" * 501)),
        ("not-ascii", "a letter that is not ASCII", changed("evidence", 0, "ref", to="é")),
        ("quote", "a text that needs an escape", changed("evidence", 0, "ref", to='a"b')),
        ("too-long-held", "180 days and a second", changed("expires", to=TIME + 180 * day + 1)),
        ("never-held", "expires as it is issued", changed("expires", to=TIME)),
        (
            "too-long",
            "more than 4,000 bytes",
            changed("evidence", to=[{"at": 1, "kind": "x-oauth", "ref": "a" * 500}] * 8),
        ),
        ("not-json", "not JSON", "no"),
        ("deep", "nested as deep as it goes", "[" * 4_000),
        ("empty", "nothing", ""),
    ]
    wrong += _fields_missing(bodies) + _other_types(changed) + _other_targets(changed, on_mastodon)
    wrong += _other_spellings(bound)
    wrong.append(("one-too-long", "4,001 bytes", _filled(bound, 4_001)))
    beyond = changed("issued", to=END_OF_9999 - 1).replace(f'"expires":{TIME + 180 * day}', "{}")
    wrong.append(("expires-beyond", "it expires after the year 9999", _expiring(beyond, END_OF_9999 + 1)))
    cases += [
        good(label, desc, counts=kinds, **opening(body.encode()))
        for label, desc, kinds, body in [
            ("longest", "4,000 bytes", list(proven), _filled(bound, 4_000)),
            ("expires-last", "it expires with the year 9999", list(proven), _expiring(beyond, END_OF_9999)),
            ("ref-longest", "500 characters", list(proven), changed("evidence", 0, "ref", to="~" * 500)),
            (
                "uri-query",
                "an actor with a query",
                ["x-post-id", "mastodon-oauth"],
                on_mastodon("id", "https://social.example/actor?id=1&b=%20"),
            ),
            (
                "uri-longest",
                "an actor of 2,048 characters",
                ["x-post-id", "mastodon-oauth"],
                on_mastodon("id", _long_actor(2_048)),
            ),
            (
                "user-longest",
                "a user name of 64 characters",
                ["x-post-id", "mastodon-oauth"],
                on_mastodon("handle", "a" * 64 + "@social.example"),
            ),
        ]
    ]
    return cases + [bad(label, desc, **opening(body.encode())) for label, desc, body in wrong]


def _fields_missing(bodies: dict[str, bytes]) -> list[Wrong]:
    """Bodies from each of which one field is left out that may not be."""
    places = [(name,) for name in ("v", "x", "to", "strength", "evidence", "issued", "expires")]
    inner = [("x", "id"), ("x", "handle"), ("to", "network"), ("to", "id"), ("to", "handle")]
    items = [("evidence", 1, "kind"), ("evidence", 1, "at")]
    wrong = []
    for *path, last in [*places, *inner, *items]:
        value = json.loads(bodies["bound"])
        at = value
        for step in path:
            at = at[step]
        del at[last]
        label = "-".join(map(str, ["without", *path, last]))
        wrong.append((label, "a field is missing", json.dumps(value, sort_keys=True, separators=(",", ":"))))
    return wrong


def _other_types(changed: Callable[..., str]) -> list[Wrong]:
    """Values of another type, or of none that is listed."""
    places: list[tuple[str, tuple[str | int, ...], Any]] = [
        ("version-true", ("v",), True),
        ("version-text", ("v",), "1"),
        ("x-text", ("x",), "Ada_L"),
        ("x-handle-number", ("x", "handle"), 1),
        ("to-list", ("to",), ["bluesky"]),
        ("to-id-number", ("to", "id"), 1),
        ("to-handle-number", ("to", "handle"), 1),
        ("strength-number", ("strength",), 1),
        ("strength-later", ("strength",), "sworn"),
        ("network-later", ("to", "network"), "threads"),
        ("evidence-object", ("evidence",), {"at": 1, "kind": "x-post-id"}),
        ("evidence-text", ("evidence", 0), "x-post-id"),
        ("kind-number", ("evidence", 0, "kind"), 1),
        ("at-text", ("evidence", 0, "at"), "1"),
        ("at-true", ("evidence", 0, "at"), True),
        ("ref-number", ("evidence", 0, "ref"), 1),
        ("issued-text", ("issued",), str(TIME)),
        ("issued-true", ("issued",), True),
        ("expires-text", ("expires",), str(TIME + 1)),
    ]
    return [(label, "another value than is listed", changed(*path, to=to)) for label, path, to in places]


def _other_targets(changed: Callable[..., str], on_mastodon: Callable[[str, str], str]) -> list[Wrong]:
    """Accounts that are not in the spelling of their network."""
    dids = [
        ("did-short", "a DID of 23 characters", "did:plc:" + "a" * 23),
        ("did-digit", "a DID with a digit that base32 does not have", "did:plc:" + "a" * 23 + "1"),
        ("did-upper-case", "a DID in upper case", "did:plc:" + "A" * 24),
        ("did-other", "a DID of another method", "did:key:" + "a" * 24),
        ("did-web-port", "a DID with a port", "did:web:ada.example%3A8443"),
        ("did-web-path", "a DID with a path", "did:web:ada.example:ada"),
        ("did-web-local", "a DID of a host of one label", "did:web:localhost"),
    ]
    names = [
        ("x-handle-empty", "an X handle without a character", ""),
        ("x-handle-hyphen", "an X handle with a hyphen", "Ada-L"),
    ]
    actors = [
        ("uri-http", "an actor without TLS", "http://social.example/users/ada"),
        ("uri-user", "an actor with a user", "https://ada@social.example/users/ada"),
        ("uri-upper-case", "an actor whose host is in upper case", "https://Social.example/users/ada"),
        ("uri-no-path", "a host, not an actor", "https://social.example"),
        ("uri-empty-query", "an actor with an empty query", "https://social.example/users/ada?"),
        ("uri-long", "an actor of 2,049 characters", _long_actor(2_049)),
        ("uri-did", "a DID, not an actor", "did:plc:" + "a" * 24),
    ]
    users = [
        ("acct-user-alone", "a user name without a host", "ada"),
        ("acct-at-sign", "an @ before the user name", "@ada@social.example"),
        ("acct-no-user", "a host without a user name", "@social.example"),
        ("acct-one-label", "a host of one label", "ada@localhost"),
        ("acct-upper-case", "a host in upper case", "ada@Social.example"),
        ("acct-dot-first", "a user name that starts with a dot", ".ada@social.example"),
        ("acct-hyphen-last", "a user name that ends with a hyphen", "ada-@social.example"),
        ("acct-long", "a user name of 65 characters", "a" * 65 + "@social.example"),
    ]
    return [
        *((label, desc, changed("to", "id", to=did)) for label, desc, did in dids),
        *((label, desc, changed("x", "handle", to=name)) for label, desc, name in names),
        *((label, desc, on_mastodon("id", uri)) for label, desc, uri in actors),
        *((label, desc, on_mastodon("handle", user)) for label, desc, user in users),
    ]


def _other_spellings(bound: str) -> list[Wrong]:
    """JSON of the same values, or nearly, in another spelling than the canonical one."""
    return [
        ("order-within", "the keys of an inner object are not sorted", bound.replace('"handle":"Ada_L","id":"783214"', '"id":"783214","handle":"Ada_L"')),
        ("twice-within", "a key of an inner object stands twice", bound.replace('"id":"783214"', '"id":"783214","id":"783214"')),
        ("minus", "a number below 0", bound.replace('"at":1799996400', '"at":-1')),
        ("minus-zero", "a zero with a sign", bound.replace('"at":1799996400', '"at":-0')),
        ("zero-first", "a number with a leading zero", bound.replace('"at":1799996400', '"at":01799996400')),
        ("delete", "U+007F is not printable", bound.replace("status", "st\x7ftus")),
        ("tab", "a control character in a text", bound.replace("status", "st\ttus")),
        ("slash", "an escaped slash", bound.replace("/status", "\\/status")),
        ("byte-order", "a mark of the byte order", f"\ufeff{bound}"),
        ("list", "a list", f"[{bound}]"),
        ("more-after", "more after the end", f"{bound}1"),
    ]  # fmt: skip


def _filled(body: str, length: int) -> str:
    """The body with texts in `ext` that make it exactly as long."""
    value = json.loads(body)
    value["ext"] = {f"n{n}": "a" * 500 for n in range(8)}
    shorter = len(json.dumps(value, separators=(",", ":"))) - length
    value["ext"]["n0"] = "a" * (500 - shorter)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _expiring(body: str, at: int) -> str:
    return body.replace("{}", f'"expires":{at}', 1)


def _long_actor(length: int) -> str:
    return "https://social.example/".ljust(length, "a")


def opening(body: bytes) -> Case:
    """The commitment is over the bytes as served, also of a body that says nothing."""
    hidden = commitment(SALT, body)
    return {
        "body": body.decode(),
        "salt": SALT.hex(),
        "commitment": hidden.hex(),
        "entry": "01" + hidden.hex(),
    }
