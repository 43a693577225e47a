"""How long does one round over many feeds take, and what does it cost?

A server in a process of its own stands for the outlets: half of its feeds answer a conditional request with 304, the
other half send their body again, unchanged. The first round imports all; the second is timed, from the moment at which
every feed is due to the moment at which the last outcome is in the ledger.

    python tests/bench/bench_poll.py --feeds 10000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from heliograph.core.event import DeadLetter, Envelope
from heliograph.fetch.decide import Policy
from heliograph.fetch.http import HttpFetcher, HttpOptions
from heliograph.fetch.ledger_sqlite import SqliteLedger
from heliograph.fetch.poll import Ports
from heliograph.fetch.port import ParsedFeed, ParsedItem, Subscription
from heliograph.fetch.schedule import Pace
from heliograph.fetch.stage import Ingest, IngestOptions

ITEMS = 20
HOSTS = 250
"""Addresses of 127/8 that the feeds are spread over, since a host is asked for two feeds at a time."""

SERVER = """
import asyncio, sys, uvloop
ITEM = ("<item><title>Item %d of feed %d</title><link>http://outlet.example/%d/%d</link><guid>%d-%d</guid>"
        "<description>" + "Corridor, railway and transit news of the day. " * 12 + "</description></item>")

def body(feed):
    items = "".join(ITEM % (n, feed, feed, n, feed, n) for n in range(20))
    return f"<rss version='2.0'><channel><title>Feed {feed}</title>{items}</channel></rss>".encode()

class Feeds(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while b"\\r\\n\\r\\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\\r\\n\\r\\n")
            feed = int(head.split(b" ", 2)[1].rsplit(b"/", 1)[1])
            conditional = b"if-none-match: " in head.lower()
            tag = b'ETag: "%d"\\r\\n' % feed if feed % 2 == 0 else b""
            if conditional and feed % 2 == 0:
                self.transport.write(b"HTTP/1.1 304 Not Modified\\r\\n" + tag + b"\\r\\n")
            else:
                data = body(feed)
                kind = b"Content-Type: application/rss+xml\\r\\n"
                head = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n" % len(data)
                self.transport.write(head + tag + kind + b"\\r\\n" + data)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Feeds, "0.0.0.0" if sys.argv[1:] else "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
"""

_ITEM = re.compile(rb"<title>(Item[^<]*)</title><link>([^<]*)</link><guid>([^<]*)</guid><description>([^<]*)")


class _Round:
    """Counts polls, parses and events; the clock jumps when every feed is to be due again."""

    def __init__(self, feeds: int) -> None:
        self.feeds = feeds
        self.offset = timedelta()
        self.parsed = self.events = self.polls = 0
        self.outcomes: dict[str, int] = {}
        self.complete = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    async def parse(self, body: bytes, _: str, __: str, ___: Subscription) -> ParsedFeed:
        self.parsed += 1
        found = [[part.decode() for part in match] for match in _ITEM.findall(body)]
        items = tuple(ParsedItem(title=title, link=link, guid=guid, text=text) for title, link, guid, text in found)
        return ParsedFeed(title="Feed", items=items)

    def append(self, events: list[Envelope]) -> None:
        self.events += len(events)

    def bury(self, letter: DeadLetter) -> None:
        raise AssertionError(letter.cause)

    def observe_poll(self, feed: str, outcome: str, seconds: float, received: int) -> None:  # noqa: ARG002 - the port's
        self.polls += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if self.polls >= self.feeds:
            self.complete.set()

    def restart(self) -> None:
        self.parsed = self.events = self.polls = 0
        self.outcomes = {}
        self.complete.clear()


def run(feeds: int = 10_000) -> dict[str, float]:
    """Poll `feeds` feeds twice; return the second round's figures: seconds, CPU seconds, MB, parses, outcomes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-c", SERVER, "all"], stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_measure(feeds, port, Path(folder) / "ledger.sqlite"))
        finally:
            server.terminate()


async def _measure(feeds: int, port: int, path: Path) -> dict[str, float]:
    counted = _Round(feeds)
    ledger = SqliteLedger(path)
    ledger.edit(
        put=[
            Subscription(id=f"feed-{n}", url=f"http://127.0.{1 + n % HOSTS}.1:{port}/feed/{n}", language="en")
            for n in range(feeds)
        ]
    )
    fetcher = HttpFetcher(HttpOptions(allow_networks=("127.0.0.0/8",)), counted.now)
    ports = Ports(
        ledger=ledger,
        share=ledger.share(),
        fetcher=fetcher,
        parse=counted.parse,
        append=counted.append,
        bury=counted.bury,
        observer=counted,
    )
    policy = Policy(poll_min=86_400.0, poll_max=86_400.0)
    options = IngestOptions(policy=policy, pace=Pace(), start_rate=1_000_000.0)
    service = Ingest(ports, options, counted.now)
    ingest = asyncio.create_task(service.run())
    done, _ = await asyncio.wait([ingest, asyncio.create_task(counted.complete.wait())], return_when="FIRST_COMPLETED")
    if ingest in done:
        ingest.result()
    imported = counted.events
    counted.restart()
    turns: list[float] = []
    turn = asyncio.create_task(_longest_turn(turns))
    wall, cpu = time.perf_counter(), time.process_time()
    counted.offset = timedelta(days=2)
    service.poll_now("feed-0")  # wakes the scheduler, which would look at the clock again by itself within 30 s
    await counted.complete.wait()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    turn.cancel()
    ingest.cancel()
    await asyncio.gather(turn, ingest, return_exceptions=True)
    ledger.close()
    return {
        "feeds": feeds,
        "imported": imported,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "parsed": counted.parsed,
        "longest_turn_ms": round(turns[0] * 1000, 1),
        **{f"outcome_{name}": number for name, number in sorted(counted.outcomes.items())},
    }


async def _longest_turn(found: list[float]) -> None:
    """Note the most CPU time that the loop's thread spends between two chances of a waiting task.

    CPU time and not wall time, so that other work on the machine is not counted.
    """
    found.append(0.0)
    while True:
        started = time.thread_time()
        await asyncio.sleep(0)
        found[0] = max(found[0], time.thread_time() - started)
        await asyncio.sleep(0.002)


def main() -> None:
    """Print the figures as JSON; exit 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=10_000)
    figures = run(parser.parse_args().feeds)
    print(json.dumps(figures, indent=2))
    missed = figures["seconds"] > 60 or figures["rss_mb"] > 400 or figures["parsed"] > 0
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
