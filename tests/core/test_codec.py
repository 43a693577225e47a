"""The wire format: round trips, golden files of every version, and refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.article import Article, Evidence, Match, Story
from heliograph.core.codec import SCHEMA_VERSION, decode, encode, headers
from heliograph.core.event import ArticleFetched, ArticleFlagged, ArticleMatched, DeadLetter, Envelope, Payload
from heliograph.errors import CodecError
from heliograph.schemas import load_schema

GOLDEN = Path(__file__).parent / "golden"
WHEN = datetime(2026, 1, 17, 9, 30, tzinfo=UTC)

ARTICLE = Article(
    id="a1",
    revision="r1",
    title="Զանգեզուր — Зангезур",
    text="Ротами о коридоре.",
    feed="azertac-ru",
    source="azertac",
    source_title="AZERTAC",
    fetched=WHEN,
    sorted=WHEN,
    published=WHEN,
    url="https://azertag.az/ru/1",
    link="https://azertag.az/ru/1?utm_source=rss",
    guid="1",
    language="ru",
    country="az",
    ownership="state",
    authors=("A. Author",),
    categories=("Transport",),
)
MATCH = Match(
    id="m1",
    topic="south-caucasus-corridors",
    topic_version="v1",
    score=0.5,
    evidence=(
        Evidence(field="title", start=12, end=20, text="Зангезур", term="зангезур*", concept="zangezur-corridor"),
    ),
)
PAYLOADS: dict[str, Payload] = {
    "article.fetched": ArticleFetched(article=ARTICLE),
    "article.matched": ArticleMatched(article=ARTICLE, matches=(MATCH,)),
    "article.flagged": ArticleFlagged(
        article=ARTICLE, matches=(MATCH,), story=Story(id="s1", first=True, outlets=("azertac",))
    ),
    "dead.letter": DeadLetter(
        stage="detect", reason="undecodable", cause="not an event", payload=b"\x00\xff{", origin="articles/0/1"
    ),
}


def envelope(payload: Payload) -> Envelope:
    return Envelope(id="e1", time=WHEN, trace="t1", data=payload, origin="ingest", ingested=WHEN, backfill=True)


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_payload_survives_the_wire_and_agrees_with_its_schema(name: str) -> None:
    sent = envelope(PAYLOADS[name])
    data = encode(sent)
    assert decode(data) == sent
    jsonschema.validate(json.loads(data), load_schema(f"events/{name}.schema.json"))


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_headers_say_version_and_trace_and_the_cause_of_a_dead_letter(name: str) -> None:
    said = dict(headers(envelope(PAYLOADS[name])))
    assert (said["schema"], said["trace"]) == ("1", "t1")
    assert said.get("cause") == ("not an event" if name == "dead.letter" else None)


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_schema_refuses_another_payload(name: str) -> None:
    other = next(payload for kind, payload in PAYLOADS.items() if kind != name)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(encode(envelope(other))), load_schema(f"events/{name}.schema.json"))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_what_any_version_wrote_is_read_by_this_one(path: Path) -> None:
    read = decode(path.read_bytes())
    name = path.stem.rsplit(".v", 1)[0]
    assert read == envelope(PAYLOADS[name])


def test_there_is_a_golden_file_for_each_payload_of_this_version() -> None:
    assert {f"{name}.v{SCHEMA_VERSION}" for name in PAYLOADS} <= {path.stem for path in GOLDEN.glob("*.json")}


def test_what_is_written_today_is_the_golden_file_byte_for_byte() -> None:
    for name, payload in PAYLOADS.items():
        assert encode(envelope(payload)) == (GOLDEN / f"{name}.v{SCHEMA_VERSION}.json").read_bytes().rstrip(b"\n")


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused_with_a_codec_error(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


def test_an_event_from_the_future_is_refused_and_says_upgrade() -> None:
    raw = msgspec.json.decode(encode(envelope(PAYLOADS["article.fetched"])))
    raw["schema"] = SCHEMA_VERSION + 1
    with pytest.raises(CodecError, match="upgrade"):
        decode(msgspec.json.encode(raw))


def test_deep_nesting_is_refused_not_fatal() -> None:
    with pytest.raises(CodecError):
        decode(b'{"id":' + b"[" * 100_000)
