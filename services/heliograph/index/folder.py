"""The folder of an embedded index: made, recognised, locked, and what went wrong in it said in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from heliograph.errors import HeliographError, IndexUnavailable
from heliograph.index import schema

if TYPE_CHECKING:
    import tantivy

MARKER = "heliograph-index.json"
_META = "meta.json"
_REBUILD = "remove the folder, then `heliograph replay --to index` builds it again from the log"


class _Marker(msgspec.Struct, forbid_unknown_fields=False):
    layout: int


def open_folder(path: Path) -> tantivy.Index:
    """Open the index in `path`, or make it. Raises IndexUnavailable.

    The marker is written before the engine's own files, so that a kill in between leaves a folder that is begun anew.
    """
    import tantivy

    with engine(path, "opening"):
        path.mkdir(parents=True, exist_ok=True)
        layout = _layout(path)
        begun = (path / _META).exists()
        if layout is None and begun:
            raise IndexUnavailable(f"index {path}: its folder has no {MARKER}, so its layout is not known; {_REBUILD}")
        if layout is not None and layout != schema.LAYOUT:
            raise IndexUnavailable(
                f"index {path}: it has layout {layout}, this release reads {schema.LAYOUT}; {_REBUILD}"
            )
        if not begun and any(entry.suffix in {".store", ".idx", ".term"} for entry in path.iterdir()):
            raise IndexUnavailable(f"index {path}: {_META} is missing beside its segments; {_REBUILD}")
        if layout is None:
            _write_marker(path)
    try:
        with engine(path, "opening"):
            index = tantivy.Index(schema.build(), path=str(path))
            index.config_reader("manual", 0)
            index.searcher()
    except IndexUnavailable as error:
        raise IndexUnavailable(f"{error}; if it stays so, {_REBUILD}") from error
    return index


def open_writer(index: tantivy.Index, path: Path, heap_bytes: int) -> tantivy.IndexWriter:
    """Take the folder's lock and return the writer; the kernel frees the lock of a process that was killed.

    Raises IndexUnavailable, also where another process holds the lock.
    """
    with engine(path, "opening for writing"):
        try:
            # One thread: a batch is one segment then, and memory is that of one.
            return index.writer(heap_size=heap_bytes, num_threads=1)
        except ValueError as error:
            if "LockBusy" not in str(error):
                raise
            raise IndexUnavailable(
                f"index {path}: another process writes it; stop that one, or give this one a data folder of its own"
            ) from error


def last_commit(path: Path) -> tuple[int, ...]:
    """Return what tells one commit from another: each puts a new file of the same name in place."""
    found = (path / _META).stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def engine(path: Path, doing: str) -> Iterator[None]:
    """Turn what the engine raises into IndexUnavailable with one line that names the folder and what was done."""
    try:
        yield
    except HeliographError:
        raise
    except (ValueError, OSError) as error:
        raise IndexUnavailable(f"index {path}: {doing} failed: {_one_line(error)}") from error
    except BaseException as error:
        # A panic of the engine comes as a BaseException of a class that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise IndexUnavailable(f"index {path}: {doing} failed inside the engine: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _layout(path: Path) -> int | None:
    marker = path / MARKER
    try:
        return msgspec.json.decode(marker.read_bytes(), type=_Marker).layout
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise IndexUnavailable(f"index {path}: {MARKER} is damaged ({error}); {_REBUILD}") from error


def _write_marker(path: Path) -> None:
    beside = path / f"{MARKER}.new"
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(_Marker(layout=schema.LAYOUT)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path / MARKER)
