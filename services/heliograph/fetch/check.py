"""One fetch of one address, judged for a person: `heliograph feeds check URL` and the dialogue that adds a feed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from heliograph.errors import BadInput, FetchError, UsageError
from heliograph.fetch.articles import name_items, newest
from heliograph.fetch.decide import Policy
from heliograph.fetch.discover import Candidate, discover, looks_like_html
from heliograph.fetch.port import Fetcher, FetchRequest, FetchResult, ParseBody, ParsedFeed, Subscription
from heliograph.fetch.urls import require_web_url, shown

SAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one fetch found out. `url` is as given, without credentials."""

    url: str
    ok: bool
    verdict: str
    """One line: what it is, or what is wrong and what to do."""
    reason: str = ""
    """Slug of the error; empty where `ok`."""
    final_url: str = ""
    status: int = 0
    content_type: str = ""
    received: int = 0
    decoded: int = 0
    seconds: float = 0.0
    title: str = ""
    items: int = 0
    newest: datetime | None = None
    samples: tuple[str, ...] = ()
    """Titles of the first items."""
    notes: tuple[str, ...] = ()
    """One line each: what works, yet could be better."""
    candidates: tuple[Candidate, ...] = ()
    """Where the address is a page: the feeds that it may mean."""


async def check(url: str, fetcher: Fetcher, parse: ParseBody, now: Callable[[], datetime]) -> Report:
    """Fetch `url` once and say what it is. Raises nothing but Unavailable of the parser: a failure is a report."""
    try:
        subscription = Subscription(id="check", url=require_web_url(url))
        result = await fetcher.fetch(FetchRequest(url=subscription.url))
    except UsageError as error:
        return Report(url=shown(url), ok=False, verdict=str(error), reason="bad-url")
    except FetchError as error:
        return Report(url=shown(url), ok=False, verdict=str(error), reason=error.reason)
    body = result.body or b""
    content_type = result.headers.get("content-type", "")
    try:
        parsed = await parse(body, content_type, result.url, subscription)
    except BadInput as error:
        return _no_feed(url, result, str(error))
    return Report(
        url=shown(url),
        ok=True,
        verdict=f"a feed with {len(parsed.items)} item{'s' * (len(parsed.items) != 1)}",
        final_url=shown(result.url),
        status=result.status,
        content_type=content_type,
        received=result.received,
        decoded=len(body),
        seconds=result.duration,
        title=parsed.title,
        items=len(parsed.items),
        newest=newest(parsed),
        samples=tuple(item.title for item in parsed.items[:SAMPLES]),
        notes=_notes(result, parsed, now()),
    )


def _no_feed(url: str, result: FetchResult, cause: str) -> Report:
    body, content_type = result.body or b"", result.headers.get("content-type", "")
    candidates: tuple[Candidate, ...] = ()
    verdict = cause
    if looks_like_html(body, content_type):
        candidates = discover(body, result.url)
        declared = sum(one.evidence == "declared" for one in candidates)
        verdict = f"a web page, not a feed; it names {declared} feed{'s' * (declared != 1)}"
    return Report(
        url=shown(url),
        ok=False,
        verdict=verdict,
        reason="not-a-feed",
        final_url=shown(result.url),
        status=result.status,
        content_type=content_type,
        received=result.received,
        decoded=len(body),
        seconds=result.duration,
        candidates=candidates,
    )


def _notes(result: FetchResult, parsed: ParsedFeed, now: datetime) -> tuple[str, ...]:
    notes = list(parsed.problems)
    latest = newest(parsed)
    if result.permanent_url:
        notes.append(f"moved permanently to {shown(result.permanent_url)}: subscribe to that address")
    if result.downgraded:
        notes.append("a redirect leads from https to http: what it brings can be changed on the way")
    if not result.headers.get("etag") and not result.headers.get("last-modified"):
        notes.append("the server sends neither ETag nor Last-Modified: every poll brings the whole document")
    if parsed.items and latest is None:
        notes.append("no item states a date: articles are dated by when they are fetched")
    if latest is not None and (now - latest).total_seconds() > Policy().stale_after:
        notes.append(f"stale: the newest item is of {latest:%Y-%m-%d}")
    if latest is not None and latest > now:
        notes.append("an item is dated in the future: it is sorted by when it is fetched")
    names = name_items("check", parsed)
    if len({name for name, _ in names}) < len(names):
        notes.append("items agree in address, guid and title: each such group counts as one")
    return tuple(notes)
