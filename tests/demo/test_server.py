"""The demo server over real sockets: conditional requests, articles that appear, redirects, pages, sources."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aiohttp import ClientSession

from heliograph.demo.content import World
from heliograph.demo.server import DemoServer, start

Run = Callable[[Any], None]
ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"
LEDGER = "/feeds/caspian-ledger.xml"


def test_an_unchanged_feed_answers_304_to_either_condition(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(server.url + LEDGER) as first:
            assert first.status == 200
            etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
        for condition in ({"If-None-Match": etag}, {"If-None-Match": f'"x", {etag}'}, {"If-Modified-Since": modified}):
            async with client.get(server.url + LEDGER, headers=condition) as again:
                assert (again.status, await again.read()) == (304, b"")
                assert again.headers["ETag"] == etag

    with_server(body)


@pytest.mark.parametrize("which", ["ETag", "Last-Modified"])
def test_a_new_article_ends_the_304(with_server: Run, which: str) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(server.url + LEDGER) as first:
            old, told = await first.text(), first.headers[which]
        condition = {"If-None-Match" if which == "ETag" else "If-Modified-Since": told}
        server.advance(8)
        async with client.get(server.url + LEDGER, headers=condition) as second:
            assert second.status == 200
            new = await second.text()
        assert "ledger-aras-lorries" not in old
        assert "ledger-aras-lorries" in new

    with_server(body)


def test_an_etag_wins_over_a_date_and_an_unreadable_date_is_ignored(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        both = {"If-None-Match": '"other"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
        for condition in (both, {"If-Modified-Since": "yesterday"}):
            async with client.get(server.url + LEDGER, headers=condition) as answer:
                assert answer.status == 200

    with_server(body)


def test_gzip_is_sent_to_those_who_ask_and_carries_the_same_etag(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(server.url + LEDGER) as plain:
            assert "Content-Encoding" not in plain.headers
            text = await plain.read()
        async with client.get(server.url + LEDGER, headers={"Accept-Encoding": "gzip, br"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["Vary"] == "Accept-Encoding"
            assert gzip.decompress(await packed.read()) == text
            assert packed.headers["ETag"] == plain.headers["ETag"]

    with_server(body)


def test_all_articles_have_appeared_after_ten_minutes_and_each_has_its_page(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        items = server.world.items()
        for guid, (_, item) in items.items():
            async with client.get(f"{server.url}/articles/{guid}") as early:
                assert early.status == (404 if item.appears_after else 200)
        assert server.next_appearance() == 5
        server.advance(600)
        assert server.next_appearance() is None
        assert len(server.appeared(0)) == sum(item.appears_after > 0 for _, item in items.values())
        for guid, (_, item) in items.items():
            async with client.get(f"{server.url}/articles/{guid}") as page:
                assert page.status == 200
                assert item.body in await page.text()

    with_server(body)


def test_a_moved_feed_redirects_for_good_to_the_feed_itself(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/rss.php", allow_redirects=False) as moved:
            assert moved.status == 301
            location = moved.headers["Location"]
        async with client.get(location) as feed:
            document = json.loads(await feed.read())
        assert document["feed_url"] == location

    with_server(body)


def test_the_sources_keep_to_the_schema_and_every_good_feed_answers(with_server: Run) -> None:
    schema = json.loads((ROOT / "schemas" / "sources.schema.json").read_text("utf-8"))

    async def body(server: DemoServer, client: ClientSession) -> None:
        jsonschema.Draft202012Validator(schema).validate(server.sources)
        async with client.get(f"{server.url}/sources.yaml") as answer:
            assert yaml.safe_load(await answer.text()) == server.sources
        good = [f for o in server.sources["outlets"] if o["id"] != "trouble" for f in o["feeds"]]
        everyone = [f for o in server.sources["outlets"] for f in o["feeds"]]
        assert len(good) == len(server.world.outlets)
        assert max(Counter(feed["id"] for feed in everyone).values()) == 1
        for feed in good:
            async with client.get(feed["url"]) as answer:
                assert answer.status == 200, feed

    with_server(body)


def test_the_index_lists_every_feed_and_every_trouble(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/") as answer:
            page = await answer.text()
        for outlet in server.sources["outlets"]:
            for feed in outlet["feeds"]:
                path = feed["url"].removeprefix(server.url).removeprefix(server.trouble_url)
                assert f'href="{path}"' in page

    with_server(body)


def test_a_world_without_trouble_offers_none(world: World) -> None:
    async def whole() -> list[str]:
        server = await start(world=world, hostile=False)
        try:
            return [outlet["id"] for outlet in server.sources["outlets"]]
        finally:
            await server.stop()

    assert "trouble" not in asyncio.run(whole())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_program_tells_its_address_and_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    written = tmp_path / "sub" / "sources.yaml"
    command = [sys.executable, "-m", "heliograph.demo", "--write-sources", str(written), "--announce"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SERVICES) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        line = demo.stdout.readline()
        assert line.startswith("demo feeds on http://127.0.0.1:")
        url = line.split()[-1]
        first = yaml.safe_load(written.read_text("utf-8"))["outlets"][0]["feeds"][0]["url"]
        assert first.startswith(f"{url}/feeds/")
        demo.send_signal(how)
        assert demo.wait(timeout=30) == 0
        assert demo.stderr.read() == ""


def test_a_taken_port_is_one_line_and_exit_2(world: World) -> None:
    async def whole() -> tuple[int | None, str]:
        server = await start(world=world)
        try:
            port = server.url.rpartition(":")[2]
            demo = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "heliograph.demo", "--port", port, stderr=subprocess.PIPE, cwd=SERVICES
            )
            _, stderr = await demo.communicate()
            return demo.returncode, stderr.decode()
        finally:
            await server.stop()

    code, stderr = asyncio.run(whole())
    assert code == 2
    assert stderr.startswith("heliograph demo: ")
    assert len(stderr.splitlines()) == 1
