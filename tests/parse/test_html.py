from __future__ import annotations

import html5lib
import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.parse.html import LINK_REL, MAX_DEPTH, MAX_TAGS, clean, clean_html, html_to_text, says_more, title_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<b>Zan</b>gezur", "Zangezur"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        ("<main>a</main>b<form>c</form>d", "a\nb\nc\nd"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
        ("a<script>var b</script>c<style>d{}</style><template>e</template>", "ac"),
        ("x<!-- hidden -->y", "xy"),
        ("  many \n\t spaces\u00a0here ", "many spaces here"),
        ("caf&eacute; &mdash; &#1576;", "café — ب"),
        ("Tom &amp;amp; Jerry &amp;nbsp; &amp;#8212;", "Tom & Jerry —"),
        ("&lt;p&gt;escaped &lt;b&gt;once&lt;/b&gt; too often&lt;/p&gt;", "escaped once too often"),
        ("if a &lt; b then", "if a < b then"),
        ("5 < 6 & 7 > 2", "5 < 6 & 7 > 2"),
        ('see <img src="https://e.org/x.png" alt="a &quot;map&quot; &lt;here>"> below', 'see a "map" <here> below'),
        ("می\u200cشود", "می\u200cشود"),
        ("nul\x00l and bell\x07", "null and bell"),
        ('<p title="a>b">t</p>', "t"),
        ("<textarea>x</textarea><button>y</button>z", "z"),
        ("<h1>Head</h1>body", "Head\nbody"),
    ],
)
def test_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_links_keep_to_web_addresses_and_say_how_they_relate() -> None:
    assert clean_html('<a href="/x" onclick="y()">z</a>', "https://e.org/a/b") == (
        f'<a href="https://e.org/x" rel="{LINK_REL}">z</a>'
    )
    assert "href" not in clean_html('<a href="/x">z</a>')
    for address in (
        "javascript:alert(1)",
        "\x01java\x03script:alert(1)",
        " data:text/html,x",
        "vbscript:x",
        "javascript:123",
    ):
        assert "href" not in clean_html(f'<a href="{address}">z</a>')


def test_a_base_that_is_no_address_is_as_none() -> None:
    assert clean_html('<a href="/x">z</a>', "http://[bad/") == f'<a rel="{LINK_REL}">z</a>'
    assert "href" not in clean_html('<a href="x">z</a>', "javascript:alert(1)//")


def test_images_styles_and_names_go_and_the_first_heading_steps_down() -> None:
    html = (
        '<h1 id="a" class="b" style="c">x</h1><img src="https://e.org/1.png" onerror="y()"><p lang="fa" dir="rtl">z</p>'
    )
    assert clean_html(html) == '<h2>x</h2><p lang="fa" dir="rtl">z</p>'


def test_the_sanitiser_escapes_angle_brackets_in_values() -> None:
    # The text is read off the sanitiser's output on the strength of this.
    assert nh3.clean('<a title="a<b>c">x</a>', link_rel=None) == '<a title="a&lt;b&gt;c">x</a>'


def test_html_says_more_only_where_there_is_more_than_paragraphs() -> None:
    assert not says_more("<p>one</p><p>two<br>three</p>")
    assert says_more("<p>one <b>two</b></p>")
    assert says_more('<a href="https://e.org/">x</a>')


@pytest.mark.parametrize(
    ("value", "plain", "title"),
    [
        ("A <b>bold</b>\n claim", False, "A bold claim"),
        ("AT&amp;T &amp;amp; others", False, "AT&T & others"),
        ("History of the <blink> tag", True, "History of the <blink> tag"),
        ("price &#x0024;430", False, "price $430"),
        ("  \u00a0 ", False, ""),
    ],
)
def test_a_title_is_one_plain_line(value: str, plain: bool, title: str) -> None:
    assert title_text(value, plain=plain) == title


@pytest.mark.parametrize(
    "html",
    ["<div>" * 200_000 + "end", "<b>" * 200_000 + "end", "<ul><li>" * 100_000 + "end", "<b><p>" * 50_000 + "end"],
)
def test_200_000_nested_tags_are_text_and_nothing_is_nested(html: str) -> None:
    cleaned = clean(html)
    assert cleaned.text == "end"
    assert cleaned.html == "end"


def test_what_is_deep_or_long_but_bearable_keeps_its_markup() -> None:
    deep = "<div>" * (MAX_DEPTH - 1) + "x" + "</div>" * (MAX_DEPTH - 1)
    assert clean_html(deep) == deep
    long = "<p>x</p>" * (MAX_TAGS // 2)
    assert clean_html(long) == long


NAMES = (
    "b i a p div ul li ol table tr td script style svg math iframe form input textarea select option noscript template "
    "h1 main img br custom title plaintext xmp frameset object embed base meta"
)
ELEMENTS = st.sampled_from(NAMES.split())
FRAGMENTS = st.lists(
    st.one_of(
        st.builds("<{}>".format, ELEMENTS),
        st.builds("</{}>".format, ELEMENTS),
        st.builds(
            '<{} href="{}" onclick="x()" style="y">'.format,
            ELEMENTS,
            st.sampled_from(["javascript:x", "/y", "https://e.org"]),
        ),
        st.text(alphabet="ab<>&\"'=/ \x00;#x", max_size=12),
        st.sampled_from(["&lt;script&gt;", "&amp;lt;b&amp;gt;", "<!--", "-->", "<![CDATA[", "]]>", "&#0;", "&nbsp;"]),
    ),
    max_size=25,
).map("".join)
FORBIDDEN = {
    "script",
    "style",
    "svg",
    "math",
    "iframe",
    "form",
    "input",
    "object",
    "embed",
    "base",
    "meta",
    "template",
    "img",
}


@given(FRAGMENTS)
def test_nothing_that_runs_survives_and_cleaning_twice_gives_the_same_text(html: str) -> None:
    cleaned = clean(html, "https://e.org/")
    tree = html5lib.parseFragment(cleaned.html, namespaceHTMLElements=False)
    for element in tree.iter():
        assert element.tag not in FORBIDDEN
        for name, value in element.attrib.items():
            assert name in {"href", "rel"}
            assert name != "href" or value.startswith("https://")
    if "&" not in cleaned.html:
        assert clean(cleaned.html, "https://e.org/").text == cleaned.text
    assert cleaned.text == "\n".join(" ".join(line.split()) for line in cleaned.text.split("\n"))


@given(st.text())
def test_plain_words_stay_as_they_are(text: str) -> None:
    words = "".join(char for char in text if char.isalnum())
    assert html_to_text(f"<p>{words}</p>") == words
