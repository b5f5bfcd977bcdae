"""Verifier keys, notes, checkpoints, cosignatures."""

from hashlib import sha256

from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.keys import KeyKind, PrivateKey, compute_key_id
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Note, Signature, sign_note, sign_text
from tests.vectors.curve import SMALL, P, encode
from tests.vectors.fixed import (
    CHECKPOINT,
    COSIGNED,
    LOG,
    NEXT,
    ORIGIN,
    SIGNED,
    STRANGER,
    TIME,
    WITNESS,
    Case,
    bad,
    base64,
    flip_base64,
    good,
    make_seed,
)

DASH = "\u2014"
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)


def vkeys() -> list[Case]:
    log = str(LOG.vkey)
    name, key_id, key = log.split("+", 2)
    cases = [
        good(
            label,
            desc,
            vkey=str(private.vkey),
            keyName=private.name,
            kind=int(private.kind),
            keyId=private.vkey.key_id.hex(),
            publicKey=base64(private.vkey.public_key),
            seed=bytes(private.seed).hex(),
        )
        for label, desc, private in [
            ("log", "a log's key, kind 0x01", LOG),
            ("witness", "a witness's key, kind 0x04", WITNESS),
        ]
    ]
    wrong = [
        ("upper-case-id", "the key id is written in lower case", f"{name}+{key_id.upper()}+{key}"),
        ("other-id", "the key id is not the one of this key", f"{name}+00000000+{key}"),
        ("other-name", "the key id is not the one of this name", f"other.example/log+{key_id}+{key}"),
        ("no-name", "the name is empty", f"+{key_id}+{key}"),
        ("space-in-name", "a name holds no space", f"a b+{key_id}+{key}"),
        ("unicode-space-in-name", "a name holds no Unicode space", f"a\u3000b+{key_id}+{key}"),
        ("two-parts", "the key is missing", f"{name}+{key_id}"),
        ("padding", "base64 with padding that it does not need", f"{log}===="),
        (
            "unknown-kind",
            "kind 0x05 is not one of ours",
            f"{name}+{key_id}+" + base64(b"\x05" + LOG.vkey.public_key),
        ),
        (
            "short-key",
            "a public key of 31 bytes",
            f"{name}+{key_id}+" + base64(b"\x01" + LOG.vkey.public_key[1:]),
        ),
        ("empty", "nothing at all", ""),
        *(
            (f"key-{label}", f"not a public key of Ed25519: {desc}", spell_key(public_key))
            for label, desc, public_key in [
                ("zero", "all zeros, of order 4", bytes(32)),
                ("identity", "the neutral point, under which all is signed", encode(1, 0)),
                ("order-8", "of order 8", SMALL[1].encoded),
                ("beyond", "its y is not below p", encode(P + 3, 0)),
                ("off-curve", "no point has this y", encode(2, 0)),
            ]
        ),
    ]
    named = [
        ("spelled-no-name", "an empty name, with the id of it", ""),
        ("spelled-space", "a name with a space, with the id of it", "a b"),
        ("spelled-unicode-space", "a name with a Unicode space, with the id of it", "a\u3000b"),
        ("spelled-control", "a name with a control character, with the id of it", "a\u0007b"),
        ("spelled-long", "a name of 256 bytes, with the id of it", "a" * 256),
        ("spelled-long-in-bytes", "a name of 128 characters and 256 bytes", "\u00e9" * 128),
    ]
    public_key = LOG.vkey.public_key
    return [
        *cases,
        *(bad(label, desc, vkey=text) for label, desc, text in wrong),
        *(bad(label, desc, vkey=spell_key(public_key, of)) for label, desc, of in named),
        bad("spelled-kind", "kind 0x05, with the id of it", vkey=spell_key(public_key, kind=5)),
        bad(
            "spelled-long-key",
            "a public key of 33 bytes, with the id of it",
            vkey=spell_key(public_key + b"\0"),
        ),
        good(
            "longest-name",
            "a name of 255 bytes",
            vkey=spell_key(public_key, "a" * 255),
            keyName="a" * 255,
            kind=1,
            keyId=compute_key_id("a" * 255, KeyKind.NOTE, public_key).hex(),
            publicKey=base64(public_key),
            seed=bytes(LOG.seed).hex(),
        ),
    ]


def spell_key(public_key: bytes, name: str = ORIGIN, kind: int = KeyKind.NOTE) -> str:
    """Writes any bytes as a verifier key with the id that it would have (section 3)."""
    key = bytes([kind]) + public_key
    key_id = sha256(name.encode() + b"\n" + key).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64(key)}"


def notes() -> list[Case]:
    example = f"This is an example message.\n\n{DASH} example.com/foo {EXAMPLE_SIGNATURE}\n"
    two = sign_note("hello\n", [LOG, NEXT])
    log, following = (str(line) for line in two.signatures)
    borrowed = Signature("other.example/log", LOG.vkey.key_id, sign_text("hello\n", LOG).payload)
    false = f"{DASH} {ORIGIN} {base64(LOG.vkey.key_id + bytes(64))}"
    sixteen = [Signature(f"w{n}.example", bytes([0, 0, 0, n]), bytes(2_428)) for n in range(16)]
    hello = {"vkeys": [str(LOG.vkey)], "text": "hello\n"}
    empty_lines = f"one\n\n{log}\n\ntwo\n"

    def known(note: str) -> Case:
        return {"vkeys": [str(LOG.vkey)], "note": note}

    cases = [
        good(
            "example",
            "the example of the specification",
            vkeys=[EXAMPLE_VKEY],
            note=example,
            text="This is an example message.\n",
        ),
        good("two-keys", "one line of a known key, one of an unknown key", note=str_of(two), **hello),
        good(
            "both-known",
            "two lines of known keys",
            note=str_of(two),
            vkeys=[str(LOG.vkey), str(NEXT.vkey)],
            text="hello\n",
        ),
        good(
            "sixteen-large",
            "16 large lines of unknown keys",
            note=str_of(sign_note("hello\n", [LOG]).signed_also(sixteen)),
            **hello,
        ),
        good(
            "empty-lines",
            "the text ends at the last empty line",
            vkeys=[str(LOG.vkey)],
            note=str_of(sign_note(empty_lines, [LOG])),
            text=empty_lines,
        ),
        good(
            "unknown-line-of-same-name",
            "an unknown key with the known key's name is ignored",
            note=str_of(sign_note("hello\n", [LOG, STRANGER])),
            **hello,
        ),
    ]
    wrong = [
        ("only-unknown", "no line of a known key", f"hello\n\n{following}\n"),
        ("borrowed-id", "the known key's id under another name", f"hello\n\n{borrowed}\n"),
        ("false-known", "a known line that is false, beside one that is true", f"hello\n\n{log}\n{false}\n"),
        ("other-text", "the text was changed", f"hullo\n\n{log}\n"),
        ("flipped", "the signature was changed", f"hello\n\n{flip_base64(log, 60)}\n"),
        ("no-signature", "no signature line", "hello\n\n"),
        ("no-empty-line", "no empty line before the signature", f"hello\n{log}\n"),
        ("no-last-newline", "the last line does not end", f"hello\n\n{log}"),
        ("carriage-return", "lines end in LF only", f"hello\r\n\n{log}\n"),
        ("control", "a control character in the text", f"hel\tlo\n\n{log}\n"),
        ("hyphen", "a hyphen in place of the dash", f"hello\n\n{log.replace(DASH, '-')}\n"),
        (
            "two-spaces",
            "two spaces before the signature",
            f"hello\n\n{log.replace(ORIGIN + ' ', ORIGIN + '  ')}\n",
        ),
        ("line-separator", "U+2028 ends no line", f"hello\n\n{log}\u2028{following}\n"),
        ("stray-bits", "base64 whose last bits are not zero", f"hello\n\n{log[:-2]}{stray(log[-2])}=\n"),
        ("id-only", "a signature of four bytes", f"hello\n\n{DASH} {ORIGIN} AAAAAA==\n"),
        ("hundred-and-one", "more than 100 lines", "hello\n\n" + f"{log}\n" * 101),
        ("too-long", "more than 65,536 bytes", "a" * 65_536 + f"\n\n{log}\n"),
    ]
    cases += [bad(label, desc, **known(note)) for label, desc, note in wrong]

    def signed(text: str) -> str:
        """A text that no note has, and its signature, which is right."""
        return f"{text}\n{DASH} {ORIGIN} {base64(LOG.vkey.key_id + LOG.seed.sign(text.encode()))}\n"

    cases += [
        bad(label, desc, **known(signed(text)))
        for label, desc, text in [
            ("signed-carriage-return", "a line that ends in CR and LF, and signed so", "hello\r\n"),
            ("signed-control", "a control character, and signed so", "hel\tlo\n"),
            ("signed-nul", "a zero byte, and signed so", "hel\0lo\n"),
            ("signed-too-long", "more than 65,536 bytes, and signed so", "a" * 65_500 + "\n"),
        ]
    ]
    cases += [
        bad(label, desc, **known(f"hello\n\n{log}\n{DASH} {line}\n"))
        for label, desc, line in [
            (
                "beside-three-fields",
                "a line of three fields, beside one that is true",
                "a.example AAAAAAA= more",
            ),
            ("beside-two-spaces", "a line with two spaces", "a.example  AAAAAAA="),
            ("beside-id-only", "a line whose signature is its key id", "a.example AAAAAA=="),
            ("beside-no-name", "a line without a name", " AAAAAAA="),
            ("beside-plus", "a line whose name holds a plus", "a+b AAAAAAA="),
            ("beside-unicode-space", "a line whose name holds a Unicode space", "a\u3000b AAAAAAA="),
            (
                "beside-stray-bits",
                "a line whose base64 has last bits that are not zero",
                "a.example AAAAAAB=",
            ),
            ("beside-unpadded", "a line whose base64 has no padding", "a.example AAAAAAA"),
        ]
    ]
    return [
        *cases,
        good(
            "beside-delete",
            "a name with U+007F, which is neither a space nor below 0x20",
            note=f"hello\n\n{log}\n{DASH} a\x7fb AAAAAAA=\n",
            **hello,
        ),
        good(
            "delete",
            "U+007F is no byte below 0x20",
            **{**hello, "note": signed("hel\x7flo\n"), "text": "hel\x7flo\n"},
        ),
        bad(
            "not-utf-8",
            "the text is not UTF-8",
            vkeys=[str(LOG.vkey)],
            noteBase64=base64(b"\xff\n\n" + f"{log}\n".encode()),
        ),
    ]


def stray(char: str) -> str:
    """The next character of the base64 alphabet: the same bytes, other trailing bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(char) + 1]


def str_of(note: Note) -> str:
    return bytes(note).decode()


def checkpoints() -> list[Case]:
    def of(note: str, quorum: int = 0) -> Case:
        return {
            "origin": ORIGIN,
            "logKeys": [str(LOG.vkey)],
            "witnesses": [str(WITNESS.vkey)],
            "quorum": quorum,
            "note": note,
        }

    def signed(text: str) -> str:
        return str_of(sign_note(text, [LOG]))

    root = base64(CHECKPOINT.root)
    wanted = {"size": 300, "root": root}
    unwitnessed = sign_note(str(CHECKPOINT), [STRANGER]).signed_also([cosign(CHECKPOINT, WITNESS, TIME)])
    twice = SIGNED.signed_also([cosign(CHECKPOINT, WITNESS, TIME + n) for n in range(2)])
    huge = Checkpoint(ORIGIN, 2**63 - 1, CHECKPOINT.root)
    other = Checkpoint("other.example/log", 300, CHECKPOINT.root)
    cases = [
        good("signed", "signed by the log", **of(str_of(SIGNED)), **wanted),
        good(
            "cosigned",
            "signed by the log, cosigned by the witness that was asked for",
            **of(str_of(COSIGNED), 1),
            **wanted,
        ),
        good(
            "empty",
            "the empty tree",
            **of(str_of(sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), [LOG]))),
            size=0,
            root=base64(EMPTY_ROOT),
        ),
        good(
            "largest",
            "the largest tree",
            **of(str_of(sign_checkpoint(huge, [LOG]))),
            size=2**63 - 1,
            root=root,
        ),
        good(
            "overlap",
            "signed by the key that goes and the key that comes",
            **of(str_of(sign_checkpoint(CHECKPOINT, [LOG, NEXT]))),
            **wanted,
        ),
        good(
            "extension",
            "an extension line, which we never write",
            **of(signed(f"{CHECKPOINT}more\n")),
            **wanted,
        ),
    ]
    wrong = [
        ("other-origin", "the log's key under another origin", signed(str(other)), 0),
        ("stranger", "signed by a key that nobody knows", str_of(sign_note(str(CHECKPOINT), [STRANGER])), 0),
        ("not-witnessed", "fewer cosignatures than were asked for", str_of(SIGNED), 1),
        ("witness-alone", "cosigned, but not signed by the log", str_of(unwitnessed), 1),
        ("one-witness-twice", "two lines of one witness are one witness", str_of(twice), 2),
        ("leading-zero", "the size has a leading zero", signed(f"{ORIGIN}\n0300\n{root}\n"), 0),
        ("plus", "the size has a sign", signed(f"{ORIGIN}\n+300\n{root}\n"), 0),
        ("underscore", "the size has an underscore", signed(f"{ORIGIN}\n3_00\n{root}\n"), 0),
        (
            "other-digits",
            "the size is not in ASCII digits",
            signed(f"{ORIGIN}\n\u0663\u0660\u0660\n{root}\n"),
            0,
        ),
        ("beyond", "the size is 2^63", signed(f"{ORIGIN}\n9223372036854775808\n{root}\n"), 0),
        ("short-root", "a root of 31 bytes", signed(f"{ORIGIN}\n300\n{base64(bytes(31))}\n"), 0),
        (
            "stray-bits",
            "base64 whose last bits are not zero",
            signed(f"{ORIGIN}\n300\n{root[:-2]}{stray(root[-2])}=\n"),
            0,
        ),
        ("empty-extension", "an empty extension line", signed(f"{CHECKPOINT}\nmore\n"), 0),
        ("two-lines", "no root", signed(f"{ORIGIN}\n300\n"), 0),
        ("no-origin", "an empty origin", signed(f"\n300\n{root}\n"), 0),
    ]
    names_one = PrivateKey(WITNESS.name, KeyKind.COSIGNATURE, make_seed("own witness"))
    elsewhere = PrivateKey("other.example/witness", KeyKind.COSIGNATURE, make_seed("own witness"))

    def by_two(key: PrivateKey) -> Case:
        note = str_of(COSIGNED.signed_also([cosign(CHECKPOINT, key, TIME)]))
        return {**of(note, 2), "witnesses": [str(WITNESS.vkey), str(key.vkey)]}

    return [
        *cases,
        *(bad(label, desc, **of(note, quorum)) for label, desc, note, quorum in wrong),
        good("two-witnesses", "cosigned by two of two", **by_two(elsewhere), **wanted),
        bad("one-witness-two-keys", "two keys of one name are one witness", **by_two(names_one)),
    ]


def cosignatures() -> list[Case]:
    text = str(CHECKPOINT)
    line = cosign(CHECKPOINT, WITNESS, TIME)

    def of(payload: bytes, checkpoint: str = text) -> Case:
        signature = Signature(line.name, line.key_id, payload)
        return {"vkey": str(WITNESS.vkey), "checkpoint": checkpoint, "line": str(signature)}

    def at(time: int) -> bytes:
        return time.to_bytes(8, "big") + line.payload[8:]

    without_time = WITNESS.seed.sign(text.encode())
    wrong = [
        ("later", "the time was moved", of(at(TIME + 1))),
        ("beyond", "a time of 2^63", of(at(2**63))),
        ("other-size", "another checkpoint", of(line.payload, text.replace("300", "301"))),
        ("short", "the last byte is missing", of(line.payload[:-1])),
        ("no-header", "a signature over the checkpoint alone", of(line.payload[:8] + without_time)),
        ("no-time", "no time before the signature", of(without_time)),
    ]
    zero, last = (cosign(CHECKPOINT, WITNESS, time) for time in (0, 2**63 - 1))
    return [
        good("true", "a witness cosigns", **of(line.payload), time=TIME),
        good("time-zero", "the first second", **of(zero.payload), time=0),
        good("last-time", "the last time that there is", **of(last.payload), time=2**63 - 1),
        *(bad(label, desc, **fields) for label, desc, fields in wrong),
    ]
