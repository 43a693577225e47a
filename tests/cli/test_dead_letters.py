"""`heliograph replay --topic dead-letters`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import fetched

from heliograph.cli import execute
from heliograph.core.codec import decode, encode
from heliograph.core.event import DeadLetter
from heliograph.errors import IndexUnavailable

if TYPE_CHECKING:
    from tests.cli.conftest import Desk, Make, Run, Site

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Samovar</title>
<item><title>Tea is served again</title><link>https://samovar.example/1</link><guid>1</guid></item></channel></rss>"""
BROKEN = b"\x00\xffno feed at all"


def body(payload: bytes, *, origin: str = "samovar https://samovar.example/rss") -> DeadLetter:
    return DeadLetter(
        stage="ingest",
        reason="not-a-feed",
        cause="it was no feed then",
        payload=payload,
        origin=origin,
        content_type="application/rss+xml",
    )


def event(stage: str, payload: bytes, *, place: str = "articles/0/7") -> DeadLetter:
    return DeadLetter(
        stage=stage,
        reason="stage-error",
        cause="a fault",
        payload=payload,
        topic=place.split("/", maxsplit=1)[0],
        origin=place,
    )


def letters(hg: Run) -> list[tuple[str, str]]:
    answer = hg("replay", "--topic", "dead-letters", "--format", "json")
    return [(row["stage"], row["state"]) for row in answer.json]


def test_letters_are_listed_with_reason_cause_and_size(hg: Run, desk: Desk) -> None:
    desk.bury(body(BROKEN))
    (row,) = hg("replay", "--topic", "dead-letters", "--format", "json").json
    assert (row["stage"], row["reason"], row["size"], row["state"]) == ("ingest", "not-a-feed", len(BROKEN), "kept")
    assert row["place"].startswith("dead-letters/0/")
    assert "it was no feed then" in hg("replay", "--topic", "dead-letters").out


def test_the_original_is_written_byte_for_byte(desk: Desk, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    desk.bury(body(BROKEN))
    assert execute(["replay", "--topic", "dead-letters", "--format", "json"]) == 0
    (row,) = json.loads(capfdbinary.readouterr().out)
    assert execute(["replay", "--show", row["place"]]) == 0
    assert capfdbinary.readouterr().out == BROKEN


def test_a_body_that_parses_now_becomes_articles(hg: Run, desk: Desk) -> None:
    hg("feeds", "add", "https://samovar.example/rss", "--title", "Samovar", "--country", "ge")
    desk.bury(body(FEED, origin="samovar-example https://samovar.example/rss"))
    answer = hg("replay", "--topic", "dead-letters", "--to", "ingest")
    assert answer.status == 0
    assert "1 tried, 1 went through with 1 new events, 0 refused again" in answer.err
    desk.take()
    (item,) = hg("search", "tea", "--format", "json").json
    assert (item["title"], item["feed"], item["country"]) == ("Tea is served again", "samovar-example", "ge")


def test_a_letter_that_went_through_is_not_handed_over_again(hg: Run, desk: Desk) -> None:
    desk.bury(body(FEED))
    assert hg("replay", "--topic", "dead-letters", "--to", "all").status == 0
    assert letters(hg) == [("ingest", "replayed")]
    assert "0 tried" in hg("replay", "--topic", "dead-letters", "--to", "all").err


def test_a_letter_that_is_refused_again_stays(hg: Run, desk: Desk) -> None:
    desk.bury(body(BROKEN), body(FEED, origin="other https://other.example/rss"))
    for tried in (2, 1):
        answer = hg("replay", "--topic", "dead-letters", "--to", "all", "--format", "json")
        assert answer.status == 1
        assert f"{tried} tried" in answer.err
        assert len(answer.json) == 1
    assert letters(hg) == [("ingest", "kept"), ("ingest", "replayed")]


def test_a_letter_of_a_stage_is_handed_to_that_stage_and_goes_on_from_there(hg: Run, desk: Desk, make: Make) -> None:
    desk.take()
    desk.bury(event("detect", encode(fetched(make("a1", "tea is served")))))
    answer = hg("replay", "--topic", "dead-letters", "--to", "detect")
    assert answer.status == 0
    assert "1 went through with 1 new events" in answer.err
    desk.take()
    assert [item["id"] for item in hg("search", "tea", "--format", "json").json] == ["a1"]


def test_what_comes_of_a_letter_is_back_fill(hg: Run, desk: Desk, make: Make) -> None:
    desk.bury(event("detect", encode(fetched(make("a1", "tea is served")))))
    hg("replay", "--topic", "dead-letters", "--to", "detect")
    here = desk.open()
    (match,) = [decode(message.value) for message in here.log.scan("matches")]
    here.close()
    assert match.backfill


def test_nothing_of_a_letter_alerts(hg: Run, desk: Desk, make: Make, folder: Path, site: Site) -> None:
    (folder / "heliograph.toml").write_text(
        f'[[channels]]\nname = "desk"\ntype = "webhook"\nurl = "{site.url}/hook"\n'
        'secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n'
        '[[policies]]\nname = "all"\nquery = "topic: *"\nchannels = ["desk"]\n',
        encoding="utf-8",
    )
    desk.bury(body(FEED), event("detect", encode(fetched(make("a1", "tea is grown here")))))
    assert hg("replay", "--topic", "dead-letters", "--to", "all").status == 0
    desk.take(make("a2", "an auction of tea ended"))
    assert len(hg("search", "tea", "--format", "json").json) == 3
    assert [row["article"] for row in hg("alerts", "list", "--format", "json").json] == ["a2"]


def test_only_the_letters_of_the_stage_named_are_handed_over(hg: Run, desk: Desk, make: Make) -> None:
    desk.bury(event("detect", encode(fetched(make("a1", "tea is served")))), body(FEED))
    hg("replay", "--topic", "dead-letters", "--to", "detect")
    assert letters(hg) == [("detect", "replayed"), ("ingest", "kept")]


def test_a_letter_of_an_index_goes_to_that_index(hg: Run, desk: Desk, make: Make) -> None:
    desk.bury(event("index-archive", encode(fetched(make("a1", "tea is served")))))
    assert hg("replay", "--topic", "dead-letters", "--to", "index").status == 0
    assert [i["id"] for i in hg("search", "tea", "--scope", "all", "--format", "json").json] == ["a1"]


def test_an_index_that_a_service_holds_leaves_the_letter(hg: Run, desk: Desk, make: Make) -> None:
    desk.bury(event("index-archive", encode(fetched(make("a1", "tea is served")))))
    service = desk.open(writes_index=True)
    service.index("archive")
    try:
        answer = hg("replay", "--topic", "dead-letters", "--to", "all")
        assert answer.status == 1
        assert "another process writes it" in answer.err
        with pytest.raises(IndexUnavailable):
            desk.open(writes_index=True).index("archive")
    finally:
        service.close()
    assert letters(hg) == [("index-archive", "kept")]


def test_undecodable_and_unknown_originals_stay_with_the_reason(hg: Run, desk: Desk) -> None:
    desk.bury(event("detect", b"{not an event"), event("teapot", b"{}", place="articles/0/8"))
    answer = hg("replay", "--topic", "dead-letters", "--to", "all", "--format", "json")
    first, second = (row["cause"] for row in answer.json)
    assert "not an event of Heliograph" in first
    assert second == "this release has no stage 'teapot'"
    assert letters(hg) == [("detect", "kept"), ("teapot", "kept")]
