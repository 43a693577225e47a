"""highlight: whatever the offsets say, the published text is shown whole and escaped."""

from __future__ import annotations

import itertools
import re

import html5lib
from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.article import Evidence
from heliograph.web.highlight import QUERY, TOPIC, Span, mark, merge, paragraphs, snippets, spans_of

TEXTS = st.text(st.sampled_from("ab <>&\"'\n ქمİı\u200f\u0301</script>"), max_size=120)
SPANS = st.lists(
    st.builds(Span, st.integers(-5, 130), st.integers(-5, 130), st.sampled_from([TOPIC, QUERY])), max_size=8
)
TAG = re.compile(r'</?mark(?: class="(?:t|q|t q)")?>')


def content(html: str) -> str:
    """The text that HTML shows, by undoing exactly the markup and escapes that may stand in it."""
    bare = TAG.sub("", html)
    assert "<" not in bare
    assert ">" not in bare
    for escape, char in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        bare = bare.replace(escape, char)
    return bare


@given(TEXTS, SPANS)
def test_marked_text_is_the_published_text_escaped(text: str, spans: list[Span]) -> None:
    assert content(mark(text, spans)) == text


@given(TEXTS, SPANS, st.integers(10, 60), st.integers(1, 4))
def test_snippets_are_parts_of_the_published_text_in_order_and_apart(
    text: str, spans: list[Span], width: int, count: int
) -> None:
    found = snippets(text, spans, width=width, count=count)
    assert len(found) <= count
    position = 0
    for snippet in found:
        assert position <= snippet.start <= snippet.end <= len(text)
        assert content(snippet.html) == text[snippet.start : snippet.end]
        assert snippet.head == (snippet.start > position)
        assert snippet.tail == (snippet.end < len(text))
        position = snippet.end


@given(TEXTS, SPANS)
def test_merged_spans_rise_apart_and_cover_what_was_covered(text: str, spans: list[Span]) -> None:
    merged = merge(spans, len(text))
    assert all(0 <= span.start < span.end <= len(text) for span in merged)
    assert all(a.end < b.start for a, b in itertools.pairwise(merged))
    covered = {at for span in spans for at in range(max(0, span.start), min(len(text), span.end))}
    assert {at for span in merged for at in range(span.start, span.end)} == covered


@given(TEXTS, SPANS)
def test_paragraphs_lose_only_line_ends_and_blank_lines(text: str, spans: list[Span]) -> None:
    assert [content(p) for p in paragraphs(text, spans)] == [line for line in text.split("\n") if line.strip()]


def test_overlapping_and_touching_marks_become_one_with_both_kinds() -> None:
    assert mark("abcdef", [Span(0, 2), Span(2, 4, QUERY)]) == '<mark class="t q">abcd</mark>ef'


def test_a_snippet_begins_and_ends_at_spaces_and_holds_its_mark_whole() -> None:
    text = f"{'lorem ' * 80}needle {'ipsum ' * 80}"
    start = text.index("needle")
    (snippet,) = snippets(text, [Span(start, start + 6)], width=80)
    assert '<mark class="t">needle</mark>' in snippet.html
    shown = text[snippet.start : snippet.end]
    assert shown.split() == [word for word in shown.split() if word in ("lorem", "needle", "ipsum")]


def test_text_without_evidence_is_shown_from_its_start() -> None:
    (snippet,) = snippets("word " * 200, [], width=50)
    assert (snippet.start, snippet.head, snippet.tail) == (0, False, True)


def test_a_browser_reads_hostile_text_as_text() -> None:
    hostile = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
    tree = html5lib.parseFragment(str(mark(hostile, [Span(3, 9), Span(20, 40)])), namespaceHTMLElements=False)
    assert "".join(tree.itertext()) == hostile
    assert {element.tag for element in tree.iter() if isinstance(element.tag, str)} <= {"mark", "DOCUMENT_FRAGMENT"}


def test_only_the_evidence_of_the_field_gives_spans() -> None:
    title = Evidence(field="title", start=0, end=3, text="abc", term="abc")
    text = Evidence(field="text", start=5, end=8, text="abc", term="abc")
    assert spans_of([title, text], "text") == [Span(5, 8, TOPIC)]
