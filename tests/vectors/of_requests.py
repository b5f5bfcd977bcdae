"""Signed requests between instances: what a receiver takes, and all that it refuses."""

from dataclasses import replace
from typing import Any

from federation.peers.signing import COMPONENTS, MAX_SKEW_S, Request, digest_field, sign_request
from tests.vectors.fixed import ORIGIN, PEER, STRANGER, TIME, Case, bad, base64, flip_base64, good

AUTHORITY = "find.example"
PATH = "/federation/v1/peering"
NONCE = "AAECAwQFBgcICQoLDA0ODw"
CONTENT = b'{"v":1,"origin":"instance.example/log","wish":"follow"}'
PLAIN = Request("POST", AUTHORITY, PATH, (), CONTENT)
EMPTY = Request("GET", AUTHORITY, "/federation/v1/statements/x001/x234/067.p/12", ())


def _signed(request: Request, *, origin: str = ORIGIN, created: int = TIME, nonce: str = NONCE) -> Request:
    headers = sign_request(request, origin, PEER, created, nonce)
    return replace(request, headers=tuple(headers.items()))


def _with(request: Request, name: str, old: str, new: str) -> Request:
    """The same request, with another text in one of its fields."""
    assert any(old in value for known, value in request.headers if known == name)
    changed = (
        (known, value.replace(old, new, 1) if known == name else value) for known, value in request.headers
    )
    return replace(request, headers=tuple(changed))


def _quoted(*components: str) -> str:
    return " ".join(f'"{name}"' for name in components)


def _case(request: Request, *, now: int = TIME, **more: Any) -> Case:
    return {
        "method": request.method,
        "authority": request.authority,
        "path": request.path,
        "headers": [list(pair) for pair in request.headers],
        "content": request.content.hex(),
        "now": now,
        "publicKey": base64(PEER.public_key),
        **more,
    }


def signed_requests() -> list[Case]:
    return [
        *_good(),
        *_of_fields(),
        *_of_time(),
        *_of_replay(),
        *_of_spelling(),
        *_of_keys(),
        *_of_signed_forms(),
    ]


def _good() -> list[Case]:
    signed = _signed(PLAIN)
    told: Case = {"keyId": ORIGIN, "created": TIME, "nonce": NONCE}
    return [
        good("post", "a request with content", **_case(signed, **told)),
        good("get", "a request without content has the digest of nothing", **_case(_signed(EMPTY), **told)),
        good("early", "signed 300 s ago", **_case(signed, now=TIME + MAX_SKEW_S, **told)),
        good("late", "signed 300 s ahead of the reader", **_case(signed, now=TIME - MAX_SKEW_S, **told)),
        good(
            "port",
            "an instance that is tried out at another port of this machine",
            **_case(_signed(replace(PLAIN, authority="one.localhost:8001")), **told),
        ),
    ]


def _of_fields() -> list[Case]:
    signed = _signed(PLAIN)
    names = ("content-digest", "signature-input", "signature")
    without = [
        bad(
            f"no-{name}",
            "a field is missing",
            **_case(replace(signed, headers=tuple(pair for pair in signed.headers if pair[0] != name))),
        )
        for name in names
    ]
    twice = [
        bad(
            f"two-{name}",
            "a field stands there twice",
            **_case(replace(signed, headers=(*signed.headers, *(p for p in signed.headers if p[0] == name)))),
        )
        for name in names
    ]
    other = base64(PEER.sign(b"another"))
    [signature] = [value for name, value in signed.headers if name == "signature"]
    [given] = [value for name, value in signed.headers if name == "signature-input"]
    two = replace(
        signed,
        headers=tuple(
            (name, f"{value}, other{value.removeprefix('passerelle')}" if name != "content-digest" else value)
            for name, value in signed.headers
        ),
    )
    missing = [
        bad(
            f"uncovered-{name.removeprefix('@')}",
            "a component is not covered",
            **_case(
                _with(
                    signed,
                    "signature-input",
                    _quoted(*COMPONENTS),
                    _quoted(*(each for each in COMPONENTS if each != name)),
                )
            ),
        )
        for name in COMPONENTS
    ]
    return [
        bad("unsigned", "no field at all", **_case(PLAIN)),
        *without,
        *twice,
        *missing,
        bad("two-labels", "two signatures, of which one is right", **_case(two)),
        bad("other-order", "the components in another order", **_case(_with(signed, "signature-input", '"@method" "@authority"', '"@authority" "@method"'))),
        bad("more-components", "a component more", **_case(_with(signed, "signature-input", '"@path"', '"@path" "@query"'))),
        bad("other-signature", "a signature over something else", **_case(_with(signed, "signature", signature, f"passerelle=:{other}:"))),
        bad("flipped", "another bit in the signature", **_case(_with(signed, "signature", signature, flip_base64(signature, 40)))),
        bad("no-parameters", "no parameters", **_case(_with(signed, "signature-input", given, given.partition(";")[0]))),
        bad("no-tag", "no tag", **_case(_with(signed, "signature-input", ';tag="passerelle/v1"', ""))),
        bad("other-tag", "a tag of another use", **_case(_with(signed, "signature-input", "passerelle/v1", "passerelle/v2"))),
        bad("other-algorithm", "another algorithm", **_case(_with(signed, "signature-input", "ed25519", "hmac-sha256"))),
        bad("expires", "a parameter that is not used", **_case(_with(signed, "signature-input", ";keyid", ";expires=1900000000;keyid"))),
        bad("two-nonces", "a parameter twice", **_case(_with(signed, "signature-input", ";nonce", f';nonce="{NONCE}";nonce'))),
        bad("short-nonce", "a nonce of 15 bytes", **_case(_signed(PLAIN, nonce=NONCE[:20]))),
        bad("other-nonce", "another nonce than was signed", **_case(_with(signed, "signature-input", "AAEC", "AAED"))),
        bad("text-time", "the time as a text", **_case(_with(signed, "signature-input", f"created={TIME}", f'created="{TIME}"'))),
    ]  # fmt: skip


def _of_time() -> list[Case]:
    signed = _signed(PLAIN)
    return [
        bad("old", "signed 301 s ago", **_case(signed, now=TIME + MAX_SKEW_S + 1)),
        bad("future", "signed 301 s ahead of the reader", **_case(signed, now=TIME - MAX_SKEW_S - 1)),
        bad("year-33658", "a time beyond all", **_case(_with(signed, "signature-input", f"created={TIME}", "created=999999999999"))),
        bad("other-time", "another time than was signed", **_case(_with(signed, "signature-input", f"created={TIME}", f"created={TIME + 1}"))),
        bad("padded-time", "another spelling of the same time", **_case(_with(signed, "signature-input", "created=", "created=0"))),
    ]  # fmt: skip


def _of_replay() -> list[Case]:
    """A signature that is right, on another request than the one it was made for."""
    signed, empty = _signed(PLAIN), _signed(EMPTY)
    other = CONTENT.replace(b"follow", b"stop")
    redigested = _with(signed, "content-digest", digest_field(CONTENT), digest_field(other))
    return [
        bad("other-content", "the content was changed", **_case(replace(signed, content=other))),
        bad("other-digest", "content and digest were changed", **_case(replace(redigested, content=other))),
        bad("sha-512", "a digest of another kind", **_case(_with(signed, "content-digest", "sha-256=", "sha-512="))),
        bad("two-digests", "a digest more", **_case(_with(signed, "content-digest", "sha-256=", "md5=:AA==:, sha-256="))),
        bad("other-authority", "made for another instance", **_case(replace(signed, authority="other.example"))),
        bad("other-port", "made for another port", **_case(replace(signed, authority=f"{AUTHORITY}:8443"))),
        bad("other-method", "made for another method", **_case(replace(empty, method="HEAD"))),
        bad("other-path", "made for another path", **_case(replace(empty, path="/federation/v1/statements/000"))),
        bad("longer-path", "a slash at the end", **_case(replace(empty, path=f"{EMPTY.path}/"))),
        bad("escaped-path", "another spelling of the path", **_case(replace(empty, path=EMPTY.path.replace("p/12", "%70/12")))),
    ]  # fmt: skip


def _of_spelling() -> list[Case]:
    signed, shouted = _signed(PLAIN), ORIGIN.upper().replace("/LOG", "/log")
    return [
        bad("method-case", "a method in lower case", **_case(replace(signed, method="post"))),
        bad("component-case", "the name of a component in upper case", **_case(_with(signed, "signature-input", "@path", "@Path"))),
        bad("label-case", "a label in upper case", **_case(_with(_with(signed, "signature-input", "passerelle=", "Passerelle="), "signature", "passerelle=", "Passerelle="))),
        bad("other-label", "another label", **_case(_with(_with(signed, "signature-input", "passerelle=", "sig1="), "signature", "passerelle=", "sig1="))),
        bad("origin-case", "an origin that is not in its one spelling", **_case(_signed(PLAIN, origin=shouted))),
        bad("origin-host", "a host, not an origin", **_case(_signed(PLAIN, origin="instance.example"))),
        bad("unpadded", "a signature without its padding", **_case(_with(signed, "signature", "==:", ":"))),
        bad("spaces", "a space more between components", **_case(_with(signed, "signature-input", '"@method" ', '"@method"  '))),
    ]  # fmt: skip


def _signed_as(
    parameters: str,
    *,
    covered: str = _quoted(*COMPONENTS),
    label: str = "passerelle",
    path: str = PATH,
    gap: str = "",
) -> Case:
    """A request in another form, with a signature that is right for that form: only its form tells that it is refused."""
    values = {
        "@method": "POST",
        "@authority": AUTHORITY,
        "@path": path,
        "content-digest": digest_field(CONTENT),
    }
    names = [name.strip('"') for name in covered.split()]
    given = f"({covered}){parameters}"
    base = [f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {given}']
    headers = (
        ("content-digest", values["content-digest"]),
        ("signature-input", f"{label}={gap}{given}"),
        ("signature", f"{label}={gap}:{base64(PEER.sign(chr(10).join(base).encode()))}:"),
    )
    return _case(replace(PLAIN, path=path, headers=headers))


def _of_signed_forms() -> list[Case]:
    time, key, alg = f";created={TIME}", f';keyid="{ORIGIN}"', ';alg="ed25519"'
    nonce, tag = f';nonce="{NONCE}"', ';tag="passerelle/v1"'
    usual = time + key + alg + nonce + tag
    told: Case = {"keyId": ORIGIN, "created": TIME, "nonce": NONCE}
    reordered = " ".join(reversed(_quoted(*COMPONENTS).split()))
    long = f';keyid="{"a" * 1_024}.example/log"'
    return [
        good("any-order", "the parameters in another order", **_signed_as(tag + nonce + alg + key + time), **told),
        bad("signed-other-order", "the components in another order, and signed so", **_signed_as(usual, covered=reordered)),
        bad("signed-less", "a signature that does not cover the content", **_signed_as(usual, covered=_quoted(*COMPONENTS[:3]))),
        bad("signed-no-alg", "signed without an algorithm", **_signed_as(time + key + nonce + tag)),
        bad("signed-no-tag", "signed without a tag", **_signed_as(time + key + alg + nonce)),
        bad("signed-other-tag", "signed for another use", **_signed_as(usual.replace("/v1", "/v2"))),
        bad("signed-other-alg", "signed under the name of another algorithm", **_signed_as(usual.replace("ed25519", "EdDSA"))),
        bad("signed-expires", "signed with a parameter that is not used", **_signed_as(f"{usual};expires={TIME + 60}")),
        bad("signed-two-nonces", "signed with a parameter twice", **_signed_as(nonce + usual)),
        bad("signed-text-time", "the time as a text, and signed so", **_signed_as(usual.replace(time, f';created="{TIME}"'))),
        bad("signed-padded-time", "the time with a leading zero, and signed so", **_signed_as(usual.replace(time, f";created=0{TIME}"))),
        bad("signed-short-nonce", "signed with a nonce of 15 bytes", **_signed_as(usual.replace(NONCE, NONCE[:20]))),
        bad("signed-nonce-bits", "a nonce whose last bits are not zero, and signed so", **_signed_as(usual.replace(NONCE, NONCE[:-1] + "x"))),
        bad("signed-nonce-padded", "a nonce with padding, and signed so", **_signed_as(usual.replace(NONCE, f"{NONCE}=="))),
        bad("signed-spaces", "a space before a parameter, and signed so", **_signed_as(usual.replace(";alg", "; alg"))),
        bad("signed-gap", "a space after the label", **_signed_as(usual, gap=" ")),
        bad("signed-other-label", "signed under another label", **_signed_as(usual, label="sig1")),
        bad("signed-query", "a path with a query, and signed so", **_signed_as(usual, path=f"{PATH}?a=1")),
        bad("signed-long", "a field of more than 1,024 characters", **_signed_as(usual.replace(key, long))),
    ]  # fmt: skip


def _of_keys() -> list[Case]:
    signed = _signed(PLAIN)
    return [
        bad("wrong-key", "signed by another key", **{**_case(signed), "publicKey": base64(STRANGER.vkey.public_key)}),
        bad("zero-key", "a key of small order", **{**_case(signed), "publicKey": base64(bytes(32))}),
        bad("other-origin", "the name of another origin under a signature", **_case(_with(signed, "signature-input", ORIGIN, "other.example/log"))),
    ]  # fmt: skip
