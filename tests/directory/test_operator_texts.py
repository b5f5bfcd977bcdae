"""The operator's texts: what can be one, and the sentence for what cannot."""

import os
from pathlib import Path

import pytest

from deploy.text_check import check_texts
from directory.operator_texts import MAX_TEXT_BYTES, OperatorText, read_operator_texts, read_text
from directory.settings import InvalidSettings, Role, Settings, load_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "terms.txt"


def test_paragraphs_are_apart(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf\r\nOne\r\ntwo\r\n \r\n\r\nThree\r\n")
    assert read_text("terms", str(path)) == OperatorText(paragraphs=("One\ntwo", "Three"))
    path.write_bytes(b"a" * MAX_TEXT_BYTES)
    assert read_text("terms", str(path)) is not None


def test_an_address_is_not_read() -> None:
    texts = read_operator_texts(Settings(notice="https://operator.example/notice"))
    assert texts.notice == OperatorText(address="https://operator.example/notice")
    assert (texts.terms, texts.privacy) == (None, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"a" * (MAX_TEXT_BYTES + 1), "is larger than 200,000 bytes"),
        (b"\xff\xfe", "is not plain text"),
        (b"a\0b", "is not plain text"),
        (b" \n\n", "is empty"),
    ],
)
def test_a_file_that_cannot_be_shown_is_one_sentence(path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        path.write_bytes(content)
    settings = Settings(terms=str(path))
    with pytest.raises(InvalidSettings, match=f"PASSERELLE_TERMS: the file .*terms.txt {said}"):
        read_operator_texts(settings)
    [finding] = check_texts(settings)
    assert not finding.is_good
    assert said in finding.seen


def test_what_is_no_file_does_not_hold_the_start_up(path: Path) -> None:
    """A pipe without a writer would be waited for; a device never ends."""
    os.mkfifo(path)
    for place in (str(path), "/dev/zero", str(path.parent)):
        with pytest.raises(InvalidSettings, match=r"is not a file|Is a directory"):
            read_text("terms", place)


@pytest.mark.parametrize(
    "place",
    [
        "terms.txt",
        "http://operator.example/",
        "https://",
        "https://[::1",
        "https://user@operator.example/",
        "https://operator.example/\nSet-Cookie: a=b",
        "https://operator.example/a b",
        "javascript:alert(1)",
        "/" + "a" * 2_000,
    ],
)
def test_a_setting_is_a_full_path_or_an_https_address(place: str) -> None:
    with pytest.raises(InvalidSettings, match="privacy must be the full path"):
        load_settings({"PASSERELLE_PRIVACY": place})


def test_doctor_says_what_is_set(path: Path) -> None:
    path.write_text("Be kind.")
    [good] = check_texts(Settings(terms=str(path), notice="https://operator.example/"))
    assert (good.is_good, good.seen) == (True, "terms, notice")
    assert list(check_texts(Settings(roles=frozenset({Role.WORKER}), terms="/nowhere"))) == []
