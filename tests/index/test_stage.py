from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from heliograph.core.article import Article, Document, Match, Story
from heliograph.core.event import ArticleFetched, ArticleFlagged, DeadLetter, Envelope, Payload
from heliograph.errors import BadInput, IndexUnavailable
from heliograph.index.memory import MemoryIndex
from heliograph.index.port import Search
from heliograph.index.stage import RETRY_AFTER, IndexStage
from heliograph.runtime.stage import Done, Reject, RetryLater, Stage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MATCH = Match(id="m", topic="t", topic_version="1", score=0.5)
STORY = Story(id="s", first=True)


class CountingIndex(MemoryIndex):
    """A memory index that remembers its batches, and is away for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.away: IndexUnavailable | None = None

    def upsert(self, documents: Sequence[Document]) -> None:
        if self.away:
            raise self.away
        super().upsert(documents)
        self.batches.append([document.article.id for document in documents])


@pytest.fixture
def index() -> CountingIndex:
    return CountingIndex()


def article(article_id: str, revision: str = "r", *, minutes: int = 0, text: str = "") -> Article:
    at = NOON + timedelta(minutes=minutes)
    return Article(id=article_id, revision=revision, title="", text=text, feed="f", source="s", fetched=at, sorted=at)


def event(data: Payload) -> Envelope:
    return Envelope(id="e", time=NOON, trace="t", data=data)


def fetched(*given: Article) -> list[Envelope]:
    return [event(ArticleFetched(article=each)) for each in given]


def test_it_is_a_stage_with_the_name_it_was_given(index: CountingIndex) -> None:
    stage: Stage = IndexStage(index, "index-archive")
    assert stage.name == "index-archive"
    assert IndexStage(index).name == "index-flagged"


def test_a_batch_is_written_at_once(index: CountingIndex) -> None:
    outcomes = IndexStage(index).handle(fetched(article("a"), article("b"), article("c")))
    assert outcomes == [Done()] * 3
    assert index.batches == [["a", "b", "c"]]


def test_a_flagged_article_keeps_its_matches_and_story(index: CountingIndex) -> None:
    IndexStage(index).handle([event(ArticleFlagged(article=article("a"), matches=(MATCH,), story=STORY))])
    assert index.get("a") == Document(article=article("a"), matches=(MATCH,), story=STORY)


def test_the_last_revision_of_a_batch_wins_unless_an_earlier_one_was_fetched_later(index: CountingIndex) -> None:
    IndexStage(index).handle(fetched(article("a", "old"), article("a", "new"), article("b", "new", minutes=5)))
    IndexStage(index).handle(fetched(article("c", "new", minutes=5), article("c", "old")))
    assert [index.get(each) for each in "abc"] == [
        Document(article=article("a", "new")),
        Document(article=article("b", "new", minutes=5)),
        Document(article=article("c", "new", minutes=5)),
    ]
    assert index.batches == [["a", "b"], ["c"]]


def test_handling_a_batch_again_changes_nothing(index: CountingIndex) -> None:
    batch = fetched(article("a", text="one"), article("b", text="two"))
    first = IndexStage(index).handle(batch), index.search(Search())
    assert (IndexStage(index).handle(batch), index.search(Search())) == first


@pytest.mark.parametrize(("asked", "waits"), [(None, RETRY_AFTER), (30.0, 30.0), (0.0, 0.0)])
def test_an_index_that_is_away_makes_the_whole_batch_wait(
    index: CountingIndex, asked: float | None, waits: float
) -> None:
    index.away = IndexUnavailable("disk full", retry_after=asked)
    batch = [*fetched(article("a")), event(DeadLetter(stage="x", reason="r", cause="c", payload=b""))]
    assert IndexStage(index).handle(batch) == [RetryLater(waits, "disk full")] * 2
    index.away = None
    assert IndexStage(index).handle(batch)[0] == Done()
    assert index.get("a") is not None


def test_a_document_that_cannot_be_written_is_rejected_alone(index: CountingIndex) -> None:
    batch = fetched(article("a"), article("bad", text="\ud800"), article("b"))
    outcomes = IndexStage(index).handle(batch)
    assert [outcomes[0], outcomes[2]] == [Done(), Done()]
    refused = outcomes[1]
    assert isinstance(refused, Reject)
    assert (refused.reason, "bad" in refused.cause) == ("not-indexable", True)
    assert [index.get("a") is None, index.get("bad") is None, index.get("b") is None] == [False, True, False]


def test_an_index_that_goes_away_amid_single_writes_makes_the_batch_wait() -> None:
    class Failing(CountingIndex):
        def upsert(self, documents: Sequence[Document]) -> None:
            if len(documents) > 1:
                raise BadInput("one of these")
            raise IndexUnavailable("gone")

    assert IndexStage(Failing()).handle(fetched(article("a"), article("b"))) == [RetryLater(RETRY_AFTER, "gone")] * 2


def test_an_event_of_another_type_is_rejected_and_holds_up_no_other(index: CountingIndex) -> None:
    other = event(DeadLetter(stage="x", reason="r", cause="c", payload=b""))
    outcomes = IndexStage(index).handle([other, *fetched(article("a"))])
    assert outcomes[1] == Done()
    assert outcomes[0] == Reject("unexpected-event", "event e is of type dead.letter: an index takes only articles")
    assert index.batches == [["a"]]


def test_a_batch_without_articles_writes_nothing(index: CountingIndex) -> None:
    IndexStage(index).handle([event(DeadLetter(stage="x", reason="r", cause="c", payload=b""))])
    assert IndexStage(index).handle([]) == []
    assert index.batches == []
