import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.proofs.html import MAX_ATTRIBUTES, Tag, read_html, unescape
from directory.proofs.sources.first_paragraph import first_paragraph


def read(source: str) -> list[Tag | str]:
    return list(read_html(source))


def test_tags_and_texts_in_order() -> None:
    assert read('a<B class=x HREF="y&amp;z" on>b &lt;</B >c<br/>') == [
        "a",
        Tag("b", False, {"class": "x", "href": "y&z", "on": ""}),
        "b <",
        Tag("b", True, {}),
        "c",
        Tag("br", False, {}),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {} -->",
        "<!--{}",
        "<script>{}</script>",
        "<SCRIPT>{}</sCript >",
        "<style>{}",
        "<title>{}</title>",
        "<textarea>{}</textarea>",
        "<noscript>{}</noscript>",
        "<![CDATA[ {}",
        "<a title='{}'>",
        '<a title="{}" href=other>',
        "<a title='{}",
    ],
)
def test_links_that_no_reader_sees_are_none(hidden: str) -> None:
    pieces = read(hidden.format('<a href="https://seen.example" rel=me>') if '"{' not in hidden else hidden)
    links = [piece.attributes.get("href") for piece in pieces if isinstance(piece, Tag)]
    assert "https://seen.example" not in links


@pytest.mark.parametrize(
    ("source", "attributes"),
    [
        ("<a href=1 href=2>", {"href": "1"}),
        ("<a/href='1'/rel=me>", {"href": "1", "rel": "me"}),
        ("<a href = '1'>", {"href": "1"}),
        ("<a href=>", {"href": ""}),
        ("<a\nhref\t=\n'>'>", {"href": ">"}),
        ("<a =x=1>", {"=x": "1"}),
        ("<a>", {}),
    ],
)
def test_attributes_as_browsers_read_them(source: str, attributes: dict[str, str]) -> None:
    assert read(source) == [Tag("a", False, attributes)]


def test_the_attributes_of_a_tag_are_bounded() -> None:
    (tag,) = read("<a " + " ".join(f"b{number}" for number in range(1_000)) + ">")
    assert isinstance(tag, Tag)
    assert len(tag.attributes) == MAX_ATTRIBUTES


def test_a_reference_of_thousands_of_digits_is_left_as_it_is() -> None:
    """Python refuses to read such a number, with a ValueError that html.unescape lets through."""
    text = "&#" + "9" * 5_000 + ";"
    assert unescape(text) == text
    assert first_paragraph(f"<p>{text}</p>") == text


@given(st.text(alphabet="<>/!-='\"& aphref;#x0\n", max_size=200) | st.text())
def test_nothing_raises(source: str) -> None:
    read(source)
    first_paragraph(source)


HOSTILE = (
    "<",
    "<!",
    "<!--",
    "<a ",
    "<a b=c ",
    '<a href="',
    "<a '",
    "</",
    "</a ",
    "<a/",
    "<a",
    "<script>",
    "&#",
    "<p>",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_length_only(piece: str) -> None:
    """A page that a stranger names must not be able to hold a worker: 64 KiB of `<a ` take html.parser minutes."""

    def seconds(length: int) -> float:
        source = piece * (length // len(piece))
        start = time.process_time()
        read(source)
        return time.process_time() - start

    assert seconds(256 * 1024) < 40 * max(seconds(32 * 1024), 0.005)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<blockquote><p lang=en dir=ltr>one <a href=x>two</a> &amp; three<br>four</p>&mdash; Name</blockquote>", "one two & three four"),
        ("<p>one</p><p>two</p>", "one"),
        ("<P>one</P>", "one"),
        ("<p></p>", ""),
        ("<div>no</div><p>yes</p>", "yes"),
        ("", None),
        ("no paragraph", None),
        ("<p>never closed", None),
        ("<p>one<p>two</p>", None),
        ("<p>one<blockquote>quoted</blockquote></p>", None),
        ("<blockquote><p>one</blockquote>&mdash; Name</p>", None),
        ("<!-- <p>hidden</p> --><p>shown</p>", "shown"),
        ("</p><p>one</p>", "one"),
        ("<p>" + "x" * 200_000 + "</p>", None),
    ],
)  # fmt: skip
def test_the_first_paragraph_and_nothing_after_it(source: str, text: str | None) -> None:
    assert first_paragraph(source) == text
