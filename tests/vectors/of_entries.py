"""Entries, and what holds after them."""

from federation.protocol.entry import Entry, MappingEntry, OperationsEntry, RevokeEntry, encode_entry
from tests.vectors.fixed import Case, good


def entries() -> list[Case]:
    digest = bytes(range(32))
    says = [
        good("mapping", "publishes a mapping", raw=b"\x01" + digest, says="mapping", commitment=digest.hex()),
        good(
            "revoke",
            "for a reason, which a log should not tell",
            raw=encode_entry(RevokeEntry(7, 1)),
            says="revoke",
            target=7,
            reason=1,
        ),
        good(
            "revoke-untold",
            "as every log should write it",
            raw=encode_entry(RevokeEntry(7, 0)),
            says="revoke",
            target=7,
            reason=0,
        ),
        good(
            "revoke-far",
            "the last leaf there can be",
            raw=encode_entry(RevokeEntry(2**63 - 2, 0)),
            says="revoke",
            target=2**63 - 2,
            reason=0,
        ),
        good(
            "revoke-for-any-reason",
            "a reason that is not known revokes too",
            raw=encode_entry(RevokeEntry(258, 255)),
            says="revoke",
            target=258,
            reason=255,
        ),
        good(
            "operations",
            "introduces an operations document",
            raw=b"\x03" + digest,
            says="operations",
            digest=digest.hex(),
        ),
    ]
    nothing = [
        (
            "revoke-not-zero",
            "the last 23 bytes of a revoke are zero",
            encode_entry(RevokeEntry(7, 1))[:-1] + b"\x01",
        ),
        (
            "revoke-beyond",
            "no leaf has the number 2^63 - 1",
            b"\x02" + (2**63 - 1).to_bytes(8, "big") + bytes(24),
        ),
        ("reserved", "0x04 is reserved", b"\x04" + digest),
        ("unknown", "a type that nobody knows", b"\xff" + digest),
        ("short", "32 bytes", b"\x01" + digest[1:]),
        ("long", "34 bytes", b"\x01" + digest + b"\x00"),
        ("empty", "no byte", b""),
    ]
    cases = says + [good(label, desc, raw=raw, says="nothing") for label, desc, raw in nothing]
    return [case | {"raw": case["raw"].hex()} for case in cases]


def replay() -> list[Case]:
    mapping, document = MappingEntry(bytes(32)), OperationsEntry(bytes(32))

    def case(name: str, desc: str, log: list[Entry], live: list[int], revoked: list[dict[str, int]]) -> Case:
        return good(
            name, desc, entries=[encode_entry(entry).hex() for entry in log], live=live, revoked=revoked
        )

    def revoked(target: int, by: int, reason: int = 1) -> dict[str, int]:
        return {"target": target, "by": by, "reason": reason}

    def revoke(target: int) -> RevokeEntry:
        return RevokeEntry(target, 1)

    return [
        case("published", "two mappings hold", [document, mapping, mapping], [1, 2], []),
        case(
            "withdrawn",
            "one of them is revoked",
            [document, mapping, mapping, revoke(1)],
            [2],
            [revoked(1, 3)],
        ),
        case(
            "renewed",
            "a renewal revokes the old leaf",
            [document, mapping, mapping, RevokeEntry(1, 2)],
            [2],
            [revoked(1, 3, 2)],
        ),
        case(
            "untold",
            "a revoke that tells no reason is as good as any",
            [document, mapping, mapping, RevokeEntry(2, 0)],
            [1],
            [revoked(2, 3, 0)],
        ),
        case(
            "twice",
            "the second revoke is a no-op",
            [document, mapping, revoke(1), revoke(1)],
            [],
            [revoked(1, 2)],
        ),
        case("too-early", "a revoke does not reach a later leaf", [document, revoke(2), mapping], [2], []),
        case("itself", "a revoke does not reach itself", [document, revoke(1)], [], []),
        case(
            "not-a-mapping", "only mappings are revoked", [document, revoke(0), mapping, revoke(1)], [2], []
        ),
        case("beyond", "there is no such leaf", [document, mapping, revoke(99)], [1], []),
    ]
