import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import InvalidKey, InvalidNote, UntrustedNote
from federation.tlog.ed25519 import Seed
from federation.tlog.keys import KeyKind, PrivateKey, VerifierKey, compute_key_id
from federation.tlog.note import (
    MAX_NOTE_BYTES,
    Note,
    NoteVerifier,
    Signature,
    open_note,
    parse_note,
    parse_signatures,
    sign_note,
    sign_text,
)
from tests.federation.strategies import notes, private_keys, raises_only, spoiled, spoiled_text, texts

# The example of the specification.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
LINE = (
    "\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
EXAMPLE = f"{TEXT}\n{LINE}\n".encode()

ALICE = PrivateKey("alice.example", KeyKind.NOTE, Seed(b"a" * 32))
BOB = PrivateKey("bob.example", KeyKind.NOTE, Seed(b"b" * 32))


def test_the_example_of_the_specification_verifies() -> None:
    opened = open_note(parse_note(EXAMPLE), [NoteVerifier.parse(VKEY)])
    assert opened.text == TEXT
    assert len(opened.verified) == 1
    assert bytes(parse_note(EXAMPLE)) == EXAMPLE
    assert str(VerifierKey.parse(VKEY)) == VKEY
    assert opened.is_signed_by(VerifierKey.parse(VKEY))


@given(notes)
def test_what_is_written_is_read_again(note: Note) -> None:
    assert parse_note(bytes(note)) == note


@given(notes.flatmap(lambda note: spoiled(bytes(note))) | st.binary(max_size=300))
@example(EXAMPLE.replace(b"\n\n", b"\n"))
@example(b"\n\n")
@example(b"")
def test_anything_else_is_refused_with_one_error(data: bytes) -> None:
    note = raises_only(InvalidNote, parse_note, data)
    assert note is None or bytes(note) == data


@given(st.binary(max_size=200) | spoiled(f"{LINE}\n{LINE}\n".encode()))
def test_signature_lines_alone_are_read_or_refused(data: bytes) -> None:
    lines = raises_only(InvalidNote, parse_signatures, data)
    assert lines is None or "".join(f"{line}\n" for line in lines).encode() == data


@given(spoiled(EXAMPLE))
def test_no_change_of_a_signed_note_is_believed(data: bytes) -> None:
    """Only what was signed may come out of a note under a key that we know."""
    try:
        opened = open_note(parse_note(data), [NoteVerifier.parse(VKEY)])
    except (InvalidNote, UntrustedNote):
        return
    assert opened.text == TEXT


def test_every_bit_of_a_signature_counts() -> None:
    note = parse_note(EXAMPLE)
    (line,) = note.signatures
    for bit in range(64 * 8):
        payload = bytearray(line.payload)
        payload[bit // 8] ^= 1 << bit % 8
        flipped = Note(note.text, (Signature(line.name, line.key_id, bytes(payload)),))
        with pytest.raises(UntrustedNote):
            open_note(flipped, [NoteVerifier.parse(VKEY)])


def test_a_text_may_hold_empty_lines_as_it_ends_at_the_last() -> None:
    """A text that ends in something like a signature must not shorten what was signed."""
    text = f"first\n\n{LINE}\n\nlast\n"
    note = parse_note(bytes(sign_note(text, [ALICE])))
    assert note.text == text
    open_note(note, [NoteVerifier(ALICE.vkey)])


def test_lines_of_unknown_keys_are_kept_but_not_believed() -> None:
    note = sign_note("hello\n", [ALICE, BOB])
    opened = open_note(note, [NoteVerifier(ALICE.vkey)])
    assert [line.name for line in opened.verified] == ["alice.example"]
    assert [line.name for line in opened.unknown] == ["bob.example"]


def test_a_key_is_known_by_name_and_id_together() -> None:
    """Mallory signs under Alice's name with her own key, and under her own name with Alice's key id."""
    mallory = PrivateKey("alice.example", KeyKind.NOTE, Seed(b"m" * 32))
    borrowed = Signature("mallory.example", ALICE.vkey.key_id, sign_text("hello\n", ALICE).payload)
    note = Note("hello\n", (sign_text("hello\n", mallory), borrowed))
    with pytest.raises(UntrustedNote):
        open_note(note, [NoteVerifier(ALICE.vkey)])


def test_a_false_line_of_a_known_key_refuses_the_whole_note() -> None:
    """A good signature beside it does not help: somebody has tampered with the note."""
    false = Signature(BOB.name, BOB.vkey.key_id, sign_text("other\n", BOB).payload)
    note = sign_note("hello\n", [ALICE]).signed_also([false])
    open_note(note, [NoteVerifier(ALICE.vkey)])
    with pytest.raises(UntrustedNote):
        open_note(note, [NoteVerifier(ALICE.vkey), NoteVerifier(BOB.vkey)])


def test_a_signature_of_another_length_is_false_not_a_crash() -> None:
    for length in (1, 63, 65, 2_428):
        note = Note("hello\n", (Signature(ALICE.name, ALICE.vkey.key_id, bytes(length)),))
        with pytest.raises(UntrustedNote):
            open_note(note, [NoteVerifier(ALICE.vkey)])


def test_sixteen_large_signatures_fit() -> None:
    """https://c2sp.org/signed-note: at least 16 must be read, and those of ML-DSA-44 are large."""
    lines = tuple(Signature(f"w{n}.example", bytes(4), bytes(2_428)) for n in range(16))
    assert len(parse_note(bytes(Note("hello\n", lines))).signatures) == 16


@pytest.mark.parametrize(
    "data",
    [
        EXAMPLE + b"x" * MAX_NOTE_BYTES,
        b"a\n\n" + "\u2014 a AAAAAAA=\n".encode() * 101,
        b"\n" * MAX_NOTE_BYTES,
        b"a\n\n" + b"\n" * (MAX_NOTE_BYTES - 3),
    ],
)
def test_a_note_beyond_the_limits_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidNote):
        parse_note(data)


def test_a_line_is_added_once() -> None:
    note = sign_note("hello\n", [ALICE])
    assert note.signed_also([*note.signatures, sign_text("hello\n", BOB)]) == sign_note(
        "hello\n", [ALICE, BOB]
    )


@given(texts, st.builds(Seed, st.binary(min_size=32, max_size=32)))
def test_what_is_signed_opens(text: str, seed: Seed) -> None:
    key = PrivateKey("example.org/log", KeyKind.NOTE, seed)
    assert open_note(parse_note(bytes(sign_note(text, [key]))), [NoteVerifier(key.vkey)]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "\ud800\n"])
def test_a_text_that_is_none_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        sign_note(text, [ALICE])


def test_a_witness_key_signs_no_note() -> None:
    key = PrivateKey("w.example", KeyKind.COSIGNATURE, Seed(b"w" * 32))
    with pytest.raises(InvalidKey):
        sign_text("hello\n", key)
    with pytest.raises(InvalidKey):
        NoteVerifier(key.vkey)


@given(private_keys)
def test_keys_are_read_as_they_are_written(key: PrivateKey) -> None:
    assert VerifierKey.parse(str(key.vkey)) == key.vkey
    again = PrivateKey.parse(key.reveal())
    assert (again.vkey, bytes(again.seed)) == (key.vkey, bytes(key.seed))
    assert bytes(key.seed).hex() not in repr(key)
    assert repr(bytes(key.seed)) not in repr(key)


@given(st.text(max_size=120) | private_keys.flatmap(lambda key: spoiled_text(str(key.vkey))))
def test_other_texts_are_no_verifier_keys(text: str) -> None:
    key = raises_only(InvalidKey, VerifierKey.parse, text)
    assert key is None or str(key) == text


@given(st.text(max_size=120) | private_keys.flatmap(lambda key: spoiled_text(key.reveal())))
def test_other_texts_are_no_private_keys(text: str) -> None:
    key = raises_only(InvalidKey, PrivateKey.parse, text)
    assert key is None or key.reveal() == text


@pytest.mark.parametrize(
    "text",
    [
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("+Ae", "+Be"),
        VKEY + "=",
        VKEY.replace("example", "exam ple"),
        "+" + VKEY,
        "",
        "++",
        "a" * 256 + "+" + compute_key_id("a" * 256, 1, bytes(32)).hex() + "+AQ" + "A" * 42,
    ],
)
def test_a_key_written_wrongly_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        VerifierKey.parse(text)


def test_new_keys_differ_and_bad_names_make_none() -> None:
    one, two = (PrivateKey.generate("example.org/log", KeyKind.NOTE) for _ in range(2))
    assert one.vkey != two.vkey
    for name in ("", "a b", "a+b", "a\n", "a\u3000b", "\ud800"):
        with pytest.raises(InvalidKey):
            PrivateKey.generate(name, KeyKind.NOTE)
