"""Pure: a document -> what a page shows of it; names for codes; addresses that are safe to link and to show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.web.highlight import QUERY, Snippet, Span, mark, paragraphs, snippets, spans_of

COUNTRIES: Final = {
    "am": "Armenia", "az": "Azerbaijan", "ge": "Georgia", "ir": "Iran", "ru": "Russia", "tr": "Türkiye",
    "us": "United States", "gb": "United Kingdom", "fr": "France", "de": "Germany", "il": "Israel", "kz": "Kazakhstan",
    "qa": "Qatar", "cn": "China", "in": "India", "ua": "Ukraine", "cz": "Czechia", "nl": "Netherlands",
    "ae": "United Arab Emirates", "int": "International",
}  # fmt: skip
LANGUAGES: Final = {
    "en": "English", "ru": "Russian", "az": "Azerbaijani", "tr": "Turkish", "hy": "Armenian", "fa": "Persian",
    "ka": "Georgian", "fr": "French", "de": "German", "ar": "Arabic", "uk": "Ukrainian",
}  # fmt: skip
FACET_TITLES: Final = {
    "topic": "Topic", "concept": "Concept", "source": "Source", "country": "Country", "ownership": "Ownership",
    "language": "Language", "feed": "Feed",
}  # fmt: skip
_PARTS: Final = (
    ("base", "the query holds"), ("title", "in the title"), ("variety", "several things found"),
    ("rarity", "a rare term"), ("density", "often in the text"),
)  # fmt: skip
_FORMS = 4
"""Different forms named for each concept on a card; the article's page lists all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One concept, or one term of the query itself, and the forms it was found in."""

    name: str
    forms: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One topic that asked for the article, and what of it was found."""

    topic: str
    name: str
    severity: str
    version: str
    percent: int
    parts: tuple[tuple[str, float], ...]
    """What made the score, in hundredths; empty for a match recorded before parts were."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One article as a list shows it."""

    article: Article
    title: Markup
    snippets: tuple[Snippet, ...]
    reasons: tuple[Reason, ...]
    story: Story | None
    link: str
    source: str
    country: str
    language: str
    lang: str
    """For the `lang` attribute; empty where unknown."""
    misdated: bool
    """The feed's own date lies well away from the moment the article is listed under."""


@dataclass(frozen=True, slots=True)
class FullArticle:
    """One article as its own page shows it."""

    card: Card
    paragraphs: tuple[Markup, ...]
    matches: tuple[Match, ...]


def card_of(document: Document, evidence: Sequence[Evidence] = (), names: Mapping[str, str] | None = None) -> Card:
    """Return the card; `evidence` is where the reader's own query holds, `names` maps topic ids to names."""
    article = document.article
    title = all_spans(document, evidence, "title")
    text = all_spans(document, evidence, "text")
    # A wire item without a headline is titled from its text: say it once.
    body = article.text if article.text.strip() != article.title.strip() else ""
    gap = abs((article.published - article.sorted).total_seconds()) if article.published else 0.0
    return Card(
        article=article,
        title=mark(article.title, title) or Markup("(untitled)"),
        snippets=tuple(snippets(body, text)),
        reasons=tuple(reason_of(match, names or {}) for match in document.matches),
        story=document.story,
        link=safe_link(article.link or article.url),
        source=article.source_title or article.source,
        country=country_name(article.country),
        language=LANGUAGES.get(article.language, article.language),
        lang=article.language if re.fullmatch(r"[a-z]{2,3}", article.language) else "",
        misdated=gap > 3600,
    )


def full_of(document: Document, names: Mapping[str, str]) -> FullArticle:
    """Return what the article's own page shows."""
    lines = paragraphs(document.article.text, all_spans(document, (), "text"))
    return FullArticle(card_of(document, (), names), tuple(lines), document.matches)


def all_spans(document: Document, evidence: Sequence[Evidence], field: str) -> list[Span]:
    """Return the spans of topics and query in `field`."""
    found = [span for match in document.matches for span in spans_of(match.evidence, field)]
    return [*found, *spans_of(evidence, field, QUERY)]


def reason_of(match: Match, names: Mapping[str, str]) -> Reason:
    """Return why the topic asked for the article: concepts with the forms found, in order of appearance."""
    forms: dict[str, dict[str, None]] = {}
    for evidence in match.evidence:
        forms.setdefault(evidence.concept or evidence.term, {})[evidence.text] = None
    findings = tuple(Finding(name, tuple(found)[:_FORMS], max(0, len(found) - _FORMS)) for name, found in forms.items())
    return Reason(
        topic=match.topic,
        name=names.get(match.topic, match.topic),
        severity=match.severity,
        version=match.topic_version,
        percent=round(100 * min(1.0, max(0.0, match.score))),
        parts=tuple((label, round(100 * getattr(match.parts, name), 1)) for name, label in _PARTS)
        if match.parts
        else (),
        findings=findings,
    )


def country_name(code: str) -> str:
    """Return the English name of a country code, the code in capitals where it is not in the list."""
    return COUNTRIES.get(code, code.upper())


def value_label(field: str, value: str, names: Mapping[str, str]) -> str:
    """Return how a facet's value is shown."""
    if not value:
        return "(none)"
    if field == "country":
        return country_name(value)
    if field == "language":
        return LANGUAGES.get(value, value)
    return names.get(value, value) if field == "topic" else value


def safe_link(url: str) -> str:
    """Return an http or https address as it is, and an empty string for anything else (`javascript:` and the like)."""
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""


_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s\"'<>]*@")


def redact(text: str) -> str:
    """Blank the user information of every address in `text`."""
    return _CREDENTIALS.sub("***@", text)


def clock(moment: datetime) -> str:
    """Return a moment as pages write it: `22 Nov 2026, 02:55 UTC`."""
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def iso(moment: datetime) -> str:
    """Return a moment in RFC 3339, UTC, whole seconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment lies, or in how long it comes, in one unit."""
    seconds = (now - moment).total_seconds()
    span = abs(seconds)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if span >= size:
            return f"{int(span // size)} {name} ago" if seconds > 0 else f"in {int(span // size)} {name}"
    return "just now" if seconds >= 0 else "in under a minute"
