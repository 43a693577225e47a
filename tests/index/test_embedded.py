"""What only the index in a folder can do wrong: locks, kills, full disks, damage, and too many segments."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from heliograph.core.article import Article, Document
from heliograph.errors import IndexUnavailable
from heliograph.index import collect, folder, schema
from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.port import Search
from heliograph.query.match import matches
from heliograph.query.parse import parse
from heliograph.query.tree import Node
from heliograph.query.view import View

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICES = Path(__file__).resolve().parents[2] / "services"

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from heliograph.core.article import Article, Document
from heliograph.index.embedded import EmbeddedIndex

noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
index = EmbeddedIndex(Path(sys.argv[1]))
number = 0
while True:
    made = [
        Document(article=Article(id=f"{number + n:06d}", revision="r", title="treaty", text="word " * 400, feed="f",
                                 source="s", fetched=noon, sorted=noon))
        for n in range(5)
    ]
    index.upsert(made)
    number += 5
    print(number, flush=True)
"""

FULL_DISK = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from heliograph.core.article import Article, Document
from heliograph.errors import IndexUnavailable
from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.port import Search

def documents(first, count, words):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for n in range(first, first + count):
        text = " ".join(f"w{n}x{i}" for i in range(words))
        yield Document(article=Article(id=f"{n:04d}", revision="r", title="t", text=text, feed="f", source="s",
                                       fetched=noon, sorted=noon))

index = EmbeddedIndex(Path(sys.argv[1]))
index.upsert(list(documents(0, 10, 10)))
# No file may grow past this: what a full disk does, without one.
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for attempt in range(3):
    try:
        index.upsert(list(documents(100, 50, 500)))
    except IndexUnavailable as error:
        print("refused", "\\n" not in str(error), sys.argv[1] in str(error), index.search(Search()).total, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
index.upsert(list(documents(100, 50, 500)))
print("resumed", index.search(Search()).total, flush=True)
"""


def document(article_id: str, text: str = "word") -> Document:
    article = Article(id=article_id, revision="r", title="", text=text, feed="f", source="s", fetched=NOON, sorted=NOON)
    return Document(article=article)


def replace_time(found: Document, moment: datetime) -> Document:
    return msgspec.structs.replace(found, article=msgspec.structs.replace(found.article, sorted=moment, fetched=moment))


def spawn(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(SERVICES)}
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = spawn(WRITER, tmp_path / "index")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("acknowledged", [1, 4, 9])
def test_a_killed_process_loses_nothing_it_acknowledged_and_no_lock(
    tmp_path: Path, writer: subprocess.Popen[str], acknowledged: int
) -> None:
    assert writer.stdout is not None
    last = [int(next(writer.stdout)) for _ in range(acknowledged)][-1]
    writer.send_signal(signal.SIGKILL)
    last = max([last, *map(int, writer.stdout.read().split())])
    writer.wait()
    index = EmbeddedIndex(tmp_path / "index")
    total = index.search(Search(limit=1)).total
    # What was under way when it was killed may be there, a whole batch or none of it.
    assert total in {last, last + 5}
    index.upsert([document("after")])
    assert index.search(Search(limit=1)).total == total + 1
    index.close()


def test_a_second_process_is_told_that_the_folder_is_taken_and_may_still_read(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    assert writer.stdout is not None
    acknowledged = int(next(writer.stdout))
    with pytest.raises(IndexUnavailable, match="another process writes it"):
        EmbeddedIndex(tmp_path / "index")
    reader = EmbeddedIndex(tmp_path / "index", read_only=True)
    assert reader.search(Search(limit=1)).total >= acknowledged
    later = int(next(writer.stdout))
    assert reader.search(Search(limit=1)).total >= later
    with pytest.raises(IndexUnavailable, match="reading only"):
        reader.upsert([document("a")])


def test_a_full_disk_is_refused_and_work_goes_on_once_there_is_space(tmp_path: Path) -> None:
    process = spawn(FULL_DISK, tmp_path / "index")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert printed.splitlines() == ["refused True True 10"] * 3 + ["resumed 60"]


def test_a_closed_index_gives_its_lock_back(tmp_path: Path) -> None:
    first = EmbeddedIndex(tmp_path)
    first.upsert([document("a")])
    first.close()
    with pytest.raises(IndexUnavailable, match="closed"):
        first.upsert([document("b")])
    second = EmbeddedIndex(tmp_path)
    assert second.get("a") == document("a")
    second.close()


@pytest.mark.parametrize("layout", [schema.LAYOUT - 1, schema.LAYOUT + 1])
def test_another_layout_is_not_opened_and_the_message_says_how_to_rebuild(tmp_path: Path, layout: int) -> None:
    EmbeddedIndex(tmp_path).close()
    (tmp_path / folder.MARKER).write_bytes(msgspec.json.encode({"layout": layout}))
    with pytest.raises(IndexUnavailable, match=rf"layout {layout}.*heliograph replay --to index"):
        EmbeddedIndex(tmp_path)


def damage(path: Path, kind: str) -> None:
    largest = max(path.glob("*.store"), key=lambda file: file.stat().st_size)
    match kind:
        case "no meta.json":
            (path / "meta.json").unlink()
        case "half a meta.json":
            (path / "meta.json").write_bytes((path / "meta.json").read_bytes()[:100])
        case "a segment is gone":
            for file in path.glob(f"{largest.stem}.*"):
                file.unlink()
        case "a segment is empty":
            largest.write_bytes(b"")
        case "no marker":
            (path / folder.MARKER).unlink()
        case "half a marker":
            (path / folder.MARKER).write_bytes(b"{")


@pytest.mark.parametrize(
    "kind",
    ["no meta.json", "half a meta.json", "a segment is gone", "a segment is empty", "no marker", "half a marker"],
)
def test_a_damaged_folder_is_named_and_the_message_says_how_to_rebuild(tmp_path: Path, kind: str) -> None:
    index = EmbeddedIndex(tmp_path)
    index.upsert([document("a", "many words")])
    index.close()
    damage(tmp_path, kind)
    with pytest.raises(IndexUnavailable) as refused:
        EmbeddedIndex(tmp_path)
    message = str(refused.value)
    assert str(tmp_path) in message
    assert "heliograph replay --to index" in message
    assert "\n" not in message


def test_a_folder_begun_and_never_finished_is_begun_anew(tmp_path: Path) -> None:
    EmbeddedIndex(tmp_path).close()
    (tmp_path / "meta.json").unlink()
    index = EmbeddedIndex(tmp_path)
    index.upsert([document("a")])
    assert index.search(Search()).total == 1
    index.close()


def test_many_small_batches_leave_few_segments_and_files(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path)
    for number in range(50):
        index.upsert([document(f"{number:03d}", "treaty corridor")])
    assert index.search(Search(parse("treaty"))).total == 50
    # Eight segments of one size are merged; a segment has at most nine files.
    assert len(list(tmp_path.iterdir())) < 9 * 16
    index.close()


def test_a_reader_checks_documents_once_until_something_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = EmbeddedIndex(tmp_path)
    writer.upsert([document("a", "treaties with Iran")])
    reader = EmbeddedIndex(tmp_path, read_only=True)
    checked: list[View] = []

    def counted(node: Node, view: View) -> bool:
        checked.append(view)
        return matches(node, view)

    monkeypatch.setattr(collect, "matches", counted)
    asked = Search(parse("~treaty near/2 iran"))
    assert [reader.search(asked).total, reader.aggregate(asked).total, len(checked)] == [1, 1, 1]
    writer.upsert([document("b", "a treaty of Iran")])
    assert [reader.search(asked).total, reader.aggregate(asked).total, len(checked)] == [2, 2, 3]
    writer.close()


def test_the_interval_is_that_of_the_hits_and_not_of_the_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "LOOK", 1)
    index = EmbeddedIndex(tmp_path)
    old = document("old")
    long_ago = replace_time(old, NOON.replace(year=2020))
    index.upsert([long_ago, document("a", "treaty"), document("b", "treaty")])
    assert index.aggregate(Search(parse("treaty"))).interval == 1
    assert index.aggregate(Search()).interval > 86400
    index.close()
