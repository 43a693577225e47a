"""Bodies that are made to cost: each is read or refused within its limits, and the next feed is not held up."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph.errors import FeedError
from heliograph.parse.port import ParsedFeed
from heliograph.parse.worker import TARGET, SandboxedParser
from heliograph.runtime.sandbox import Sandbox

CPU_SECONDS = 2.0
MEMORY = 100 * 1024 * 1024


def rss(inner: str) -> str:
    return f"<rss version='2.0'><channel><title>F</title>{inner}</channel></rss>"


def item(text: str) -> str:
    return f"<item><title>T</title><link>https://e.org/1</link><guid>1</guid><description>{text}</description></item>"


def entities() -> str:
    steps = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE rss [<!ENTITY e0 'aaaaaaaaaa'>{steps}]>" + rss(item("&e9;"))


def many_attributes() -> str:
    return " ".join(f"a{n}='x'" for n in range(300_000))


BOMBS = {
    "100,000 tiny items": rss("<item><title>x</title></item>" * 100_000),
    "200,000 nested tags in HTML": rss(item("&lt;div&gt;" * 200_000)),
    "nested lists in 2,000 items": rss(item("&lt;ul&gt;&lt;li&gt;" * 90) * 2000),
    "2 MB of escaped signs": rss(item("&lt;" * 500_000)),
    "2 MB of escaped signs in a title": rss(f"<item><title>{'&lt;' * 500_000}</title></item>"),
    "an external entity": "<!DOCTYPE rss [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + rss(item("&x;")),
    "entities in entities": entities(),
    "one entity many times": f"<!DOCTYPE rss [<!ENTITY a '{'a' * 100_000}'>]>" + rss(item("&a;" * 10_000)),
    "a title of 10 MB": rss(f"<item><title>{'я' * 5_000_000}</title></item>"),
    "an attribute of 10 MB": rss(f"<item><title>t</title><enclosure url='{'a' * 10_000_000}'/></item>"),
    "a comment of 10 MB": rss(f"<!--{'a' * 10_000_000}-->" + item("x")),
    "a CDATA section of 10 MB": rss(item(f"<![CDATA[{'a ' * 5_000_000}]]>")),
    "200,000 nested XML elements": rss(f"<item>{'<a>' * 200_000}{'</a>' * 200_000}</item>"),
    "300,000 attributes": rss(f"<item {many_attributes()}><title>t</title></item>"),
    "2 million opening signs": "<" * 2_000_000,
    "500,000 nested JSON arrays": '{"version":"https://jsonfeed.org/version/1","items":' + "[" * 500_000,
    "500,000 JSON items": f'{{"version":"https://jsonfeed.org/version/1","items":[{",".join(["{}"] * 500_000)}]}}',
}
REFUSALS = {"", "cpu-deadline", "memory", "not-a-feed"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(TARGET, cpu_seconds=CPU_SECONDS, memory_bytes=MEMORY)
    yield box
    box.close()


def peak_rss(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_or_refused_within_its_limits(name: str, sandbox: Sandbox) -> None:
    parser = SandboxedParser(sandbox)
    small = parser.parse_now(rss(item("before")).encode())
    assert small.items[0].text == "before"
    (pid,) = sandbox.pids
    before = peak_rss(pid)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome: ParsedFeed | None = None
    refusal = ""
    try:
        outcome = parser.parse_now(BOMBS[name].encode())
    except FeedError as error:
        refusal = error.reason
    assert refusal in REFUSALS
    if outcome is not None:
        assert len(outcome.items) <= 2000
        assert "root:" not in "".join(entry.text for entry in outcome.items)
    if sandbox.pids == (pid,):
        assert peak_rss(pid) - before <= MEMORY
    else:
        # The child was ended: what it used in its whole life is known now.
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert used.ru_utime + used.ru_stime - spent.ru_utime - spent.ru_stime <= 3 * CPU_SECONDS + 5
    assert parser.parse_now(rss(item("after")).encode()).items[0].text == "after"
