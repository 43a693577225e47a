"""The index in a folder of this machine, on tantivy: no server, one writer, any number of readers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING

from heliograph.core.article import Document
from heliograph.errors import IndexUnavailable
from heliograph.index import decide, schema
from heliograph.index.clauses import Between, Every
from heliograph.index.collect import Found, Reader
from heliograph.index.compile import compile_clause
from heliograph.index.folder import engine, last_commit, open_folder, open_writer
from heliograph.index.plan import within
from heliograph.index.port import FACETS, Aggregates, Hit, Page, Search
from heliograph.query.explain import evidence
from heliograph.query.tree import All, Node

if TYPE_CHECKING:
    import tantivy

HEAP_BYTES = 20_000_000
"""Memory for documents that are being written; the engine asks for 15 MB at least."""
# A page, its histogram, its facets and the pages behind it ask the same thing: what was checked for one serves all.
_KEPT = 8

_Asked = tuple[int, Node, datetime | None, datetime | None]


class EmbeddedIndex:
    """Documents in the folder `path`, which is made where it is missing.

    A writing index holds the folder's lock from the beginning to `close`; any number of others may open the folder
    with `read_only`, and see what was committed when they ask. Raises IndexUnavailable where the folder is locked by
    another process, damaged, or of another layout; the message says what to do. A failed write leaves what was
    committed before, and the next one begins anew: it works as soon as the cause is gone.
    """

    def __init__(self, path: Path, *, heap_bytes: int = HEAP_BYTES, read_only: bool = False) -> None:
        self._path = path
        self._heap_bytes = heap_bytes
        self._read_only = read_only
        self._index = open_folder(path)
        self._writer: tantivy.IndexWriter | None = None
        self._write_lock = RLock()
        self._state_lock = Lock()
        self._found: OrderedDict[_Asked, Found] = OrderedDict()
        self._generation = 0
        self._committed: tuple[int, ...] = ()
        self._closed = False
        if not read_only:
            self._writer = open_writer(self._index, path, heap_bytes)

    def upsert(self, documents: Sequence[Document]) -> None:
        latest = {document.article.id: document for document in documents}
        # All are made ready first, so that one that cannot be written leaves nothing half done.
        ready = [(article_id, schema.written(document)) for article_id, document in latest.items()]
        if ready:
            self._write(lambda: self._put(ready), "writing")

    def search(self, request: Search) -> Page:
        after = decide.read_cursor(request.cursor, request.sort)
        with engine(self._path, "searching"):
            found = self._find(request)
            total = found.total
            views, more = found.page(request.sort, after, request.limit)
        query = request.query
        hits = tuple(Hit(view.document, evidence(query, view) if query is not None else ()) for view in views)
        return Page(total, hits, decide.cursor_behind(hits[-1].document, request.sort) if more and hits else "")

    def aggregate(
        self, request: Search, *, facets: Sequence[str] = FACETS, buckets: int = 60, size: int = 10
    ) -> Aggregates:
        decide.check_facets(facets)
        with engine(self._path, "counting"):
            return self._find(request).aggregate(facets, buckets, size)

    def get(self, article_id: str) -> Document | None:
        with engine(self._path, "reading"):
            return self._reader().document(article_id)

    def purge(self, before: datetime) -> int:
        old = Between("fetched", None, decide.micros(before))
        query = compile_clause(old, self._index.schema)
        with self._write_lock:
            with engine(self._path, "purging"):
                count = self._reader().find(old).total
            if count:
                self._write(lambda: self._open_writer().delete_documents_by_query(query), "purging")
        return count

    def close(self) -> None:
        """Give the lock back. Committed documents are safe already; merges under way are left for the next start."""
        with self._write_lock:
            self._closed = True
            self._writer = None

    def _write(self, change: Callable[[], object], doing: str) -> None:
        """Run `change`, commit it, and let searches see it; or leave what was committed before."""
        with self._write_lock:
            try:
                with engine(self._path, doing):
                    change()
                    self._open_writer().commit()
                    with self._state_lock:
                        self._index.reload()
                        self._generation += 1
                        self._found.clear()
            except IndexUnavailable:
                # A writer that failed once may have lost its thread. No frame of a traceback may hold it besides:
                # the lock goes with the last reference.
                self._writer = None
                raise

    def _put(self, ready: Sequence[tuple[str, tantivy.Document]]) -> None:
        for article_id, document in ready:
            self._open_writer().delete_documents_by_term(schema.ID, article_id)
            self._open_writer().add_document(document)

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._closed or self._read_only:
            why = "closed" if self._closed else "opened for reading only"
            raise IndexUnavailable(f"index {self._path}: it was {why}; write through the process that runs `index`")
        if self._writer is None:
            self._writer = open_writer(self._index, self._path, self._heap_bytes)
        return self._writer

    def _reader(self) -> Reader:
        with self._state_lock:
            # Another process commits. Asked before reloading: a commit in between is seen the next time.
            if self._read_only and (committed := last_commit(self._path)) != self._committed:
                self._index.reload()
                self._committed = committed
                self._generation += 1
            return Reader(self._index, self._generation)

    def _find(self, request: Search) -> Found:
        """Return exactly the documents that `request` finds, as far as they are committed now."""
        reader = self._reader()
        query: Node = All() if request.query is None else request.query
        since, until = request.since, request.until
        asked = (reader.generation, query, since, until)
        with self._state_lock:
            found = self._found.get(asked)
        if found is None:
            span = Every() if since is None and until is None else within(schema.SORTED, since, until)
            found = reader.answer(query, span)
            with self._state_lock:
                self._found[asked] = found
                while len(self._found) > _KEPT:
                    self._found.popitem(last=False)
        return found
