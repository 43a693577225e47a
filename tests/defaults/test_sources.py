"""The shipped list of outlets and feeds keeps to its schema, and its ids and URLs are unambiguous."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "services" / "heliograph" / "defaults" / "sources.yaml"
SCHEMA = ROOT / "schemas" / "sources.schema.json"
LANGUAGES = ("en", "ru", "az", "tr", "hy", "fa", "ka")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def sources() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(SOURCES.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def feeds(sources: dict[str, Any]) -> list[dict[str, str]]:
    return [feed for outlet in sources["outlets"] for feed in outlet["feeds"]]


def repeated(values: list[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def test_the_schema_is_itself_valid(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_shipped_sources_keep_to_the_schema(schema: dict[str, Any], sources: dict[str, Any]) -> None:
    faults = [f"{e.json_path}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(sources)]
    assert faults == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("url", "ftp://example.org/rss"),
        ("url", "javascript:alert(1)"),
        ("url", "https://example.org/a b"),
        ("id", "Has Spaces"),
        ("language", "English"),
        ("evidence", "hearsay"),
        ("poll", "5s"),
    ],
)
def test_the_schema_refuses_a_feed_that_is_not_one(schema: dict[str, Any], where: str, value: str) -> None:
    feed = {"id": "a-en", "url": "https://example.org/rss", "language": "en", "evidence": "seen"}
    outlet = {"id": "a", "title": "A", "country": "int", "ownership": "unknown", "feeds": [feed]}
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"outlets": [outlet]})
    feed[where] = value
    assert not check.is_valid({"outlets": [outlet]})


def test_no_outlet_id_is_used_twice(sources: dict[str, Any]) -> None:
    assert repeated([outlet["id"] for outlet in sources["outlets"]]) == []


def test_no_feed_id_is_used_twice(feeds: list[dict[str, str]]) -> None:
    assert repeated([feed["id"] for feed in feeds]) == []


def test_no_url_is_used_twice_not_even_by_scheme_www_or_slash(feeds: list[dict[str, str]]) -> None:
    def plain(url: str) -> str:
        parts = urlsplit(url)
        return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}?{parts.query}"

    assert repeated([plain(feed["url"]) for feed in feeds]) == []


def test_there_are_at_least_a_hundred_feeds(feeds: list[dict[str, str]]) -> None:
    assert len(feeds) >= 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_of_the_seven_languages_has_several_outlets(sources: dict[str, Any], language: str) -> None:
    outlets = [o["id"] for o in sources["outlets"] if any(f["language"] == language for f in o["feeds"])]
    assert len(outlets) >= 4, outlets


def test_every_url_is_plain_http_or_https_without_credentials_or_port(feeds: list[dict[str, str]]) -> None:
    for feed in feeds:
        parts = urlsplit(feed["url"])
        assert parts.scheme in {"http", "https"}, feed
        assert "." in (parts.hostname or ""), feed
        assert (parts.port, parts.username) == (None, None), feed


def test_a_feed_id_starts_with_its_outlet_and_names_its_language(sources: dict[str, Any]) -> None:
    for outlet in sources["outlets"]:
        for feed in outlet["feeds"]:
            assert feed["id"].startswith(f"{outlet['id']}-{feed['language']}"), feed
