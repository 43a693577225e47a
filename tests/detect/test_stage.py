from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from heliograph.core.article import Article
from heliograph.core.codec import decode, encode
from heliograph.core.event import ArticleFetched, ArticleMatched, DeadLetter, Envelope
from heliograph.core.ids import match_id
from heliograph.detect.engine import Engine
from heliograph.detect.files import Definitions
from heliograph.detect.stage import DetectStage
from heliograph.detect.topic import CompiledTopic
from heliograph.runtime.stage import Done, Outcome, Reject

Fetched = Callable[..., Envelope]
MakeArticle = Callable[..., Article]
MakeTopic = Callable[..., CompiledTopic]


@pytest.fixture
def fetched(make_article: MakeArticle) -> Fetched:
    article = make_article("Russia-Iran treaty signed")

    def make(**others: Any) -> Envelope:
        given: dict[str, Any] = {
            "id": "e1",
            "time": article.fetched,
            "trace": "tr",
            "data": ArticleFetched(article=article),
        }
        return Envelope(**{**given, **others})

    return make


NOON = datetime(2025, 1, 17, 12, tzinfo=UTC)


def stage_of(engine: Engine, at: datetime = NOON) -> DetectStage:
    return DetectStage(engine, clock=lambda: at)


def matched(outcome: Outcome) -> tuple[Envelope, ArticleMatched]:
    assert isinstance(outcome, Done)
    (event,) = outcome.events
    assert isinstance(event.data, ArticleMatched)
    return event, event.data


def test_an_article_that_a_topic_asks_for_gives_one_event(engine: Engine, fetched: Fetched) -> None:
    event = fetched(backfill=True, ingested=None)
    later = event.time + timedelta(seconds=3)
    (outcome,) = stage_of(engine, later).handle([event])
    made, data = matched(outcome)
    (match,) = data.matches
    assert match.id == match_id("a", "russia-iran-agreement", match.topic_version)
    assert match.severity == "high"
    assert match.evidence
    assert (made.trace, made.backfill, made.ingested, made.origin, made.time) == ("tr", True, None, "detect", later)
    assert decode(encode(made)) == made


def test_when_the_article_entered_the_log_is_handed_on(engine: Engine, fetched: Fetched) -> None:
    event = fetched()
    event = fetched(ingested=event.time)
    (outcome,) = stage_of(engine, event.time).handle([event])
    assert matched(outcome)[0].ingested == event.time


def test_the_same_article_gives_the_same_event_again(
    engine: Engine, fetched: Fetched, definitions: Definitions
) -> None:
    first = stage_of(engine, fetched().time).handle([fetched(), fetched()])
    again = stage_of(Engine(definitions.compiled.values()), fetched().time).handle([fetched()])
    assert first[0] == first[1] == again[0]


def test_another_version_of_a_topic_gives_another_event(fetched: Fetched, make_topic: MakeTopic) -> None:
    ids = set()
    for query in ("iran", "iran*"):
        stage = stage_of(Engine([make_topic(query)]), fetched().time)
        (outcome,) = stage.handle([fetched()])
        made, data = matched(outcome)
        ids.add((made.id, data.matches[0].id))
    assert len({event for event, _ in ids}) == len({match for _, match in ids}) == 2


def test_an_article_that_no_topic_asks_for_is_done_without_an_event(
    engine: Engine, fetched: Fetched, make_article: MakeArticle
) -> None:
    quiet = fetched(data=ArticleFetched(article=make_article("Rain in the hills")))
    assert stage_of(engine).handle([quiet]) == [Done()]


def test_what_is_no_article_is_rejected(engine: Engine, fetched: Fetched) -> None:
    letter = fetched(data=DeadLetter(stage="ingest", reason="bad-feed", cause="x", payload=b"y"))
    first, second = stage_of(engine, fetched().time).handle([letter, fetched()])
    assert isinstance(first, Reject)
    assert first.reason == "not-an-article"
    assert "dead.letter" in first.cause
    assert isinstance(second, Done)
    assert second.events


def test_topics_change_at_run_time(fetched: Fetched, make_topic: MakeTopic) -> None:
    stage = stage_of(Engine([make_topic("nothing")]), fetched().time)

    def found() -> list[str]:
        (outcome,) = stage.handle([fetched()])
        return [match.topic for match in matched(outcome)[1].matches] if outcome != Done() else []

    assert found() == []
    stage.add(make_topic("treaty", "b"))
    assert found() == ["b"]
    stage.replace(Engine([make_topic("iran", "c")]))
    assert found() == ["c"]
    assert stage.remove("c")
    assert not stage.remove("c")
    assert found() == []


def test_a_batch_survives_topics_that_change_from_another_thread(fetched: Fetched, make_topic: MakeTopic) -> None:
    stage = stage_of(Engine([make_topic("treaty", "always")]), fetched().time)
    stop = threading.Event()

    def edit() -> None:
        number = 0
        while not stop.is_set():
            stage.add(make_topic(f"iran or word{number % 7}*", "edited"))
            stage.remove("edited")
            number += 1

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        outcomes = [outcome for _ in range(60) for outcome in stage.handle([fetched()] * 5)]
    finally:
        stop.set()
        thread.join()
    topics = {tuple(match.topic for match in matched(outcome)[1].matches) for outcome in outcomes}
    assert topics <= {("always",), ("always", "edited")}
    assert len(outcomes) == 300
