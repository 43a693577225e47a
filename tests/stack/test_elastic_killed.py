"""A node that is killed while it is written: nothing that was acknowledged is lost, nothing is doubled."""

import threading
from collections.abc import Callable

from deploy.stack.servers import Stack
from tests.contract.test_index import NOON, document
from tests.stack.elastic import Cluster

from heliograph.core.article import Document
from heliograph.core.event import ArticleFetched, Envelope
from heliograph.index.port import Search
from heliograph.index.stage import IndexStage
from heliograph.runtime.stage import Done, RetryLater

BATCH, BATCHES, KILLS = 20, 60, 2


class Writer(threading.Thread):
    """Hands batches to the stage as a runner does: each again until all of it is done."""

    def __init__(self, stage: IndexStage, documents: list[Document]) -> None:
        super().__init__()
        self._stage, self._documents = stage, documents
        self.changed = threading.Condition()
        self.done = self.put_off = 0

    def run(self) -> None:
        for start in range(0, len(self._documents), BATCH):
            batch = [_fetched(each) for each in self._documents[start : start + BATCH]]
            outcomes = self._stage.handle(batch)
            while not all(outcome == Done() for outcome in outcomes):
                assert all(isinstance(outcome, RetryLater) for outcome in outcomes), outcomes
                with self.changed:
                    self.put_off += 1
                    self.changed.notify_all()
                threading.Event().wait(0.2)
                outcomes = self._stage.handle(batch)
            with self.changed:
                self.done += len(batch)
                self.changed.notify_all()

    def wait_for(self, what: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(what, timeout=300)


def _fetched(given: Document) -> Envelope:
    return Envelope(id=given.article.id, time=NOON, trace="t", data=ArticleFetched(article=given.article))


def test_a_node_killed_while_it_is_written_loses_and_doubles_nothing(make_stack: Callable[..., Stack]) -> None:
    mine = make_stack()
    mine.up(only="elasticsearch")
    cluster = Cluster(mine.url)
    names = [f"d{number:05d}" for number in range(BATCH * BATCHES)]
    index = cluster.index("archive")
    writer = Writer(IndexStage(index, "index-archive"), [document(name, "tea leaf") for name in names])
    writer.start()
    for kill in range(KILLS):
        known = writer.put_off
        writer.wait_for(lambda kill=kill: writer.done >= len(names) * (kill + 1) // 4)  # type: ignore[misc]  # they are bound now
        mine.kill("elasticsearch")
        # The batch under way, or the next one, meets a node that is gone.
        writer.wait_for(lambda known=known: writer.put_off > known)  # type: ignore[misc]  # they are bound now
        mine.start("elasticsearch")
    writer.join()
    assert writer.put_off >= KILLS
    assert sorted(each.article.id for each in index.walk(Search())) == names
    assert cluster.ask("GET", f"{cluster.prefix}archive/_count")["count"] == len(names)
    cluster.clean()
