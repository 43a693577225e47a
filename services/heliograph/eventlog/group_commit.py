"""Group commit: many callers, one writer, one sync for all who wait.

A sync of the disk costs the same for one row as for a thousand. Callers hand in a function; the writer thread runs all
that have gathered while it was busy inside one transaction, commits once, and wakes every caller with its result. One
caller's failure is its own: its savepoint is rolled back, the others commit.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future

Write = Callable[[sqlite3.Connection], int]

_MOST_AT_ONCE = 256


class GroupCommit:
    """Runs writes on a connection of its own, in a thread of its own."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, name: str) -> None:
        self._connect = connect
        self._queue: queue.SimpleQueue[tuple[Write, Future[int]] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> int:
        """Run `write` and return what it returned, once the commit is on disk. Raises sqlite3.Error."""
        if self._closed:
            raise sqlite3.ProgrammingError("the log is closed")
        future: Future[int] = Future()
        self._queue.put((write, future))
        return future.result()

    def close(self) -> None:
        """Finish what was handed in, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while (jobs := self._gather()) is not None:
                if connection is None:
                    connection = self._opened(jobs)
                if connection is not None:
                    self._commit(connection, jobs)
        finally:
            if connection is not None:
                connection.close()

    def _opened(self, jobs: list[tuple[Write, Future[int]]]) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except sqlite3.Error as error:
            for _, future in jobs:
                future.set_exception(error)
            return None

    def _gather(self) -> list[tuple[Write, Future[int]]] | None:
        first = self._queue.get()
        if first is None:
            return None
        jobs = [first]
        while len(jobs) < _MOST_AT_ONCE:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                # Put back for the next round, so that what stands before it is still done.
                self._queue.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, connection: sqlite3.Connection, jobs: list[tuple[Write, Future[int]]]) -> None:
        results: list[tuple[Future[int], int | sqlite3.Error]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write, future in jobs:
                results.append((future, _run_one(connection, write)))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for _, future in jobs:
                future.set_exception(error)
            return
        for future, result in results:
            if isinstance(result, sqlite3.Error):
                future.set_exception(result)
            else:
                future.set_result(result)


def _run_one(connection: sqlite3.Connection, write: Write) -> int | sqlite3.Error:
    connection.execute("SAVEPOINT one")
    try:
        result = write(connection)
    except sqlite3.Error as error:
        # A full disk makes SQLite roll the whole transaction back by itself: then there is no savepoint left.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return error
    connection.execute("RELEASE one")
    return result
