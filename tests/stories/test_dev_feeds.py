"""Real feed files, served over HTTP, added by the command line, polled twice: every item once."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.stories.desk import Desk, wait_for

from heliograph.cli import execute as cli
from heliograph.core.ids import article_ids
from heliograph.parse.output import parse_to_json_lines


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(root: Path) -> Iterator[tuple[str, list[Path]]]:
    folder = root.parent / "shared" / "dev" / "feeds"
    if not folder.is_dir():
        pytest.skip("the shared development data is not beside this checkout")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl")
    yield f"http://127.0.0.1:{server.server_port}", [path.relative_to(folder) for path in files]
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_item_is_searchable_once_and_a_second_poll_adds_nothing(
    served: tuple[str, list[Path]], root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, files = served
    config = tmp_path / "heliograph.toml"
    config.write_text('sources = "none"\n')
    for file in files:
        assert cli(["feeds", "add", f"{base}/{file}", "--data", str(tmp_path), "--config", str(config)]) == 0
    capsys.readouterr()
    with Desk(tmp_path) as desk:
        wait_for(lambda: desk.polls() >= len(files), 60, "a first poll of each feed")
        feeds = desk.feeds()
        assert len(feeds) == len(files)
        expected: dict[str, str] = {}
        for feed in feeds.values():
            path = root.parent / "shared" / "dev" / "feeds" / feed["url"].removeprefix(f"{base}/")
            lines = parse_to_json_lines(str(path), path.read_bytes(), url=feed["url"])
            items = [line for line in lines if "error" not in line]
            ids = article_ids(feed["id"], [(item["link"], item["guid"], item["title"]) for item in items])
            expected.update(zip(ids, (item["title"] for item in items), strict=True))
        assert len(expected) > 400
        wait_for(lambda: desk.search(limit=1)["total"] >= len(expected), 30, "all items indexed")
        found: list[str] = []
        cursor = ""
        while True:
            page = desk.get(f"/api/v1/search?q=&scope=all&limit=100&cursor={cursor}")
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert len(found) == len(set(found))
        assert set(found) == set(expected)

        polled = desk.polls()
        wait_for(lambda: desk.polls() >= polled + 2 * len(files), 60, "two more polls of each feed")
        assert desk.search(limit=1)["total"] == len(expected)
        assert not desk.alerts()
