"""What must hold when all is done: each acknowledged article indexed once, each story alerted under one id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.stack.faults.newsroom import PAIRS_IN, Newsroom, is_hit
from tests.stories.desk import wait_for

from heliograph.alert.port import Find, Status
from heliograph.core.codec import decode
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, MATCHES, ArticleFlagged
from heliograph.index.port import Search

_SOURCES = {
    "detect": ARTICLES,
    "stories": MATCHES,
    "index-archive": ARTICLES,
    "index-flagged": FLAGGED,
    "alert": FLAGGED,
}


def settle(room: Newsroom, seconds: float, *, finished: bool = True) -> None:
    """Return once everything released has gone all the way. Fails with what is missing.

    `finished` says that nothing more will be released.
    """
    if finished:
        room.feeder.finish()
    wait_for(lambda: len(room.feeder.acknowledged) == room.feeder.released, seconds, "acknowledgements")
    articles = len(room.feeder.acknowledged)
    hits = sum(map(is_hit, range(articles)))
    for name, wanted in (("archive", articles), ("flagged", hits)):
        wait_for(lambda name=name, wanted=wanted: room.count(name) >= wanted, seconds, f"{wanted} in {name}")  # type: ignore[misc]  # they are bound now
    wait_for(lambda: len(room.press.deliveries) >= hits // 2, seconds, f"{hits // 2} alerts")
    delivered = Find(statuses=(Status.DELIVERED,), limit=1)
    wait_for(lambda: room.world.alerts.find(delivered).total >= hits // 2, seconds, "deliveries recorded")


def audit(room: Newsroom) -> dict[str, Any]:
    """Return figures; `wrong` holds a line for each promise that is broken."""
    ids = sorted(room.feeder.acknowledged)
    hits = [name for number, name in enumerate(ids) if is_hit(number)]
    wrong: list[str] = []
    for name, wanted in (("archive", ids), ("flagged", hits)):
        found = sorted(document.article.id for document in room.cluster.index(name).walk(Search()))
        if found != wanted:
            lost, more = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
            wrong.append(f"{name}: lost {dict(lost)}, too many {dict(more)}")
    logged = {topic: Counter(m.id for m in room.world.log.scan(topic)) for topic in (ARTICLES, MATCHES, FLAGGED)}
    for topic, wanted in ((ARTICLES, ids), (MATCHES, hits), (FLAGGED, hits)):
        if len(logged[topic]) != len(wanted):
            wrong.append(f"{topic}: {len(logged[topic])} events instead of {len(wanted)}")
    wrong += _stories(room)
    titles = Counter(room.press.titles.values())
    if titles != Counter(f"Report {number // PAIRS_IN}" for number in range(0, len(ids), PAIRS_IN)):
        wrong.append(f"alerts: {len(titles)} titles, {[title for title, ids in titles.items() if ids > 1]} twice")
    for status in Status:
        total = room.world.alerts.find(Find(statuses=(status,), limit=1)).total
        if total != {Status.DELIVERED: len(hits) // 2, Status.MUTED: len(hits) // 2}.get(status, 0):
            wrong.append(f"alerts: {total} are {status.value}")
    letters = [decode(message.value).data for message in room.world.log.scan(DEAD_LETTERS)]
    wrong += [f"dead letter: {letter}" for letter in letters]
    return {
        "articles": len(ids),
        "flagged": len(hits),
        "alerts": len(room.press.deliveries),
        "appends_made_again": room.feeder.failures,
        "events_logged_again": {topic: seen.total() - len(seen) for topic, seen in logged.items()},
        "documents_written_again": room.indexed() - len(ids) - len(hits),
        "deliveries_made_again": room.press.deliveries.total() - len(room.press.deliveries),
        "handed_again": _handed_again(room, {topic: seen.total() for topic, seen in logged.items()}),
        "wrong": wrong,
    }


def _handed_again(room: Newsroom, logged: Mapping[str, int]) -> dict[str, int]:
    """Return how often the stages of services that were never killed were handed an event once more."""
    found = {}
    for service in room.services.values():
        handled = service.handled() if not service.kills else Counter[str]()
        for stage in {key.partition("/")[0] for key in handled}:
            times = sum(count for key, count in handled.items() if key.startswith(f"{stage}/"))
            found[stage] = times - logged[_SOURCES[stage]]
    return found


def _stories(room: Newsroom) -> list[str]:
    """Return what is wrong with the stories: the two copies of a text are one, and an article stays in its own."""
    stories: dict[str, set[str]] = {}
    for message in room.world.log.scan(FLAGGED):
        event = decode(message.value).data
        if isinstance(event, ArticleFlagged):
            stories.setdefault(event.article.title, set()).add(event.story.id)
    return [f"stories: {title} is {len(found)}" for title, found in stories.items() if len(found) != 1]
