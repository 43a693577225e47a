"""The demo world is as rich as it claims, and a wrong file is refused with its name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from heliograph.demo.content import TOPICS, World, duration, load, visible
from heliograph.errors import DefinitionError

LANGUAGES = ("en", "ru", "az", "tr", "hy", "fa", "ka")


def test_there_are_a_dozen_feeds_and_a_hundred_and_fifty_articles(world: World) -> None:
    assert len(world.outlets) >= 12
    assert len(world.items()) >= 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_two_outlets_hits_of_both_topics_and_near_misses(world: World, language: str) -> None:
    outlets = [outlet for outlet in world.outlets if outlet.language == language]
    items = [item for outlet in outlets for item in outlet.articles]
    assert len(outlets) >= 2
    assert {topic for item in items for topic in item.label} == set(TOPICS)
    assert sum(item.kind == "near-miss" for item in items) >= 3


def test_there_are_hits_near_misses_and_copies_enough(world: World) -> None:
    kinds = Counter(item.kind for _, item in world.items().values())
    assert kinds["hit"] >= 45
    assert kinds["near-miss"] >= 35
    assert kinds["copy"] >= 6


def test_every_format_and_the_odd_encodings_are_there(world: World) -> None:
    assert {outlet.format for outlet in world.outlets} == {"rss2", "rss1", "atom", "json"}
    assert {outlet.encoding for outlet in world.outlets} == {
        "utf-8",
        "utf-16",
        "windows-1251",
        "windows-1254",
        "koi8-r",
    }
    assert any(outlet.bom for outlet in world.outlets)
    assert any(outlet.declared == "none" for outlet in world.outlets)
    assert {outlet.dates for outlet in world.outlets} >= {"ru-months", "az-months", "tr-months", "wrong-zone", "iso"}
    assert any(duration(item.published_ago).total_seconds() < 0 for _, item in world.items().values())


def test_a_copy_carries_the_agency_text_word_for_word_under_another_lead(world: World) -> None:
    texts: dict[str, list[tuple[str, str]]] = {}
    for outlet, item in world.items().values():
        if item.wire:
            texts.setdefault(item.wire, []).append((outlet.id, item.body))
    assert len(texts) >= 5
    for wire, copies in texts.items():
        assert len({outlet for outlet, _ in copies}) >= 2, wire
        assert len({body for _, body in copies}) == len(copies), wire
        tails = {body[-400:] for _, body in copies}
        assert len(tails) == 1, wire


def test_a_text_in_a_single_byte_encoding_with_cdata_needs_no_character_reference(world: World) -> None:
    # A reference inside CDATA would be shown to the reader as it stands.
    for outlet in world.outlets:
        if outlet.escaping in {"cdata", "nested"}:
            for item in outlet.articles:
                (item.title + item.body).encode(outlet.encoding)


def test_a_quarter_of_the_articles_appear_later_and_both_topics_within_twenty_seconds(world: World) -> None:
    items = [item for _, item in world.items().values()]
    later = [item for item in items if item.appears_after]
    assert 0.2 <= len(later) / len(items) <= 0.35
    assert max(item.appears_after for item in later) <= 600
    soon = {topic for item in later if 5 <= item.appears_after <= 20 for topic in item.label}
    assert soon == set(TOPICS)


def test_visible_articles_only_grow_with_time(world: World) -> None:
    for outlet in world.outlets:
        counts = [len(visible(outlet, elapsed)) for elapsed in (0, 5, 20, 60, 600)]
        assert counts == sorted(counts)
        assert counts[-1] == len(outlet.articles)


@pytest.mark.parametrize("text", ["3 h", "h", "1.5h", "", "3w"])
def test_a_time_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match="time span"):
        duration(text)


OUTLET = """
id: paper
title: Paper
country: ge
ownership: unknown
language: en
format: rss2
articles:
  - {guid: one, title: One, body: <p>x</p>, published_ago: 1h, kind: KIND, label: [LABEL] EXTRA}
"""


@pytest.mark.parametrize(
    ("kind", "label", "extra", "fault"),
    [
        ("hit", "", "", "needs a label"),
        ("near-miss", "russia-iran-agreement", "", "needs a label"),
        ("hit", "elections", "", "unknown topic"),
        ("copy", "russia-iran-agreement", "", "needs a `wire`"),
        ("hit", "russia-iran-agreement", ", wire: nobody", "no text 'nobody'"),
        ("hit", "russia-iran-agreement", ", mood: good", "mood"),
        ("rumour", "", "", "rumour"),
    ],
)
def test_a_wrong_file_is_refused_and_named(tmp_path: Path, kind: str, label: str, extra: str, fault: str) -> None:
    (tmp_path / "feeds").mkdir()
    (tmp_path / "wire.yaml").write_text("agency: <p>text</p>\n", "utf-8")
    text = OUTLET.replace("KIND", kind).replace("LABEL", label).replace("EXTRA", extra)
    (tmp_path / "feeds" / "paper.yaml").write_text(text, "utf-8")
    with pytest.raises(DefinitionError, match=fault) as caught:
        load(tmp_path)
    assert "paper.yaml" in str(caught.value)


def test_a_guid_used_by_two_outlets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    (tmp_path / "wire.yaml").write_text("{}\n", "utf-8")
    text = OUTLET.replace("KIND", "background").replace("LABEL", "").replace("EXTRA", "")
    for name in ("a", "b"):
        (tmp_path / "feeds" / f"{name}.yaml").write_text(text, "utf-8")
    with pytest.raises(DefinitionError, match="used twice"):
        load(tmp_path)
