"""The JSON API: answers as described, errors with a place, nothing hostile past 400."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from jsonschema import Draft202012Validator

from heliograph.errors import IndexUnavailable
from heliograph.web.app import create_app
from heliograph.web.openapi import ROUTES, describe

JSON = {"Content_Type": "application/json"}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return describe("0.1.0")


def get(client: Any, path: str) -> Any:
    status, headers, body = client("GET", path)
    assert status == 200, body
    assert headers["content-type"] == "application/json"
    return json.loads(body)


def test_search_answers_total_time_items_and_next(client: Any) -> None:
    first = get(client, "/api/v1/search?limit=3")
    assert set(first) == {"total", "took_ms", "items", "next"}
    assert first["total"] == 7
    rest = get(client, "/api/v1/search?limit=100&cursor=" + quote(first["next"]))
    assert rest["next"] is None
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == 7


def test_search_says_where_the_query_holds(client: Any) -> None:
    (item,) = get(client, "/api/v1/search?q=" + quote('"nobody asked"'))["items"]
    (piece,) = item["evidence"]
    assert item["excerpt"][piece["start"] : piece["end"]] == piece["text"] == "Nobody asked"


def test_since_and_until_take_rfc_3339_and_relative_times(client: Any) -> None:
    assert get(client, "/api/v1/search?since=now-8h")["total"] == 2
    assert get(client, "/api/v1/search?since=now-8h&until=now-2h")["total"] == 1
    assert get(client, "/api/v1/search?until=" + quote("2026-11-22T00:00:00+00:00"))["total"] == 6


def test_scope_all_searches_the_archive(client: Any, newsroom: Any, news: Any) -> None:
    newsroom.archive.upsert([news.document("Weather in the valley", "Rain until Friday.")])
    assert get(client, "/api/v1/search?q=weather")["total"] == 0
    assert get(client, "/api/v1/search?q=weather&scope=all")["total"] == 1


def test_histogram_and_facets_count_what_search_finds(client: Any) -> None:
    query = "q=" + quote("@corridor and not country: ru")
    total = get(client, f"/api/v1/search?{query}")["total"]
    histogram = get(client, f"/api/v1/histogram?{query}&buckets=10")
    assert histogram["total"] == total == sum(bucket["count"] for bucket in histogram["buckets"])
    assert len(histogram["buckets"]) <= 10
    facets = get(client, f"/api/v1/facets?{query}&fields=country,language&size=2")["facets"]
    assert list(facets) == ["country", "language"]
    assert facets["country"][0] == {"value": "ge", "count": 2}
    assert len(facets["language"]) == 2


def test_what_may_stand_in_a_query_is_proposed_with_counts(client: Any) -> None:
    found = get(client, "/api/v1/complete?q=" + quote("topic: cor"))
    assert (found["start"], found["end"]) == (7, 10)
    (item,) = found["items"]
    assert (item["text"], item["kind"]) == ("corridors", "value")
    assert item["detail"].startswith("South Caucasus transport corridors, ")
    countries = get(client, "/api/v1/complete?q=" + quote("country: "))["items"]
    counted = get(client, "/api/v1/facets?fields=country")["facets"]["country"]
    assert [item["text"] for item in countries] == [value["value"] for value in counted]
    assert (countries[0]["text"], countries[0]["detail"]) == ("ge", f"Georgia, {counted[0]['count']} articles")
    assert [item["text"] for item in get(client, "/api/v1/complete?q=" + quote("country: Geor"))["items"]] == ["ge"]


def test_a_place_inside_a_query_is_completed(client: Any) -> None:
    query = quote("@tr and iran")
    assert get(client, f"/api/v1/complete?q={query}&at=3")["items"][0]["text"] == "@treaty"
    assert get(client, f"/api/v1/complete?q={query}&at=0")["items"][0]["kind"] == "field"
    assert get(client, "/api/v1/complete")["items"][0]["kind"] == "field"
    assert get(client, "/api/v1/complete?q=" + quote('"tr'))["items"] == []
    assert client("GET", f"/api/v1/complete?q={query}&at=x")[0] == 400


def test_an_article_comes_with_all_evidence(client: Any) -> None:
    item = get(client, "/api/v1/search?limit=1")["items"][0]
    document = get(client, f"/api/v1/articles/{item['id']}")
    for match in document["matches"]:
        for piece in match["evidence"]:
            assert document["article"][piece["field"]][piece["start"] : piece["end"]] == piece["text"]


def test_topics_count_what_they_flagged(client: Any) -> None:
    corridors, partnership = get(client, "/api/v1/topics")["items"]
    assert (corridors["id"], corridors["total"], corridors["week"], corridors["day"]) == ("corridors", 7, 7, 5)
    assert partnership["total"] == 4


def test_a_feed_is_added_listed_and_removed(client: Any, newsroom: Any) -> None:
    body = json.dumps({"url": "https://user:hunter2@new.example/rss", "country": "am"}).encode()
    status, _, answer = client("POST", "/api/v1/feeds", body, **JSON)
    assert status == 201
    row = json.loads(answer)
    assert row["url"] == "https://***@new.example/rss"
    assert newsroom.feeds[-1].url == "https://user:hunter2@new.example/rss"
    assert row["id"] in [feed["id"] for feed in get(client, "/api/v1/feeds")["items"]]
    assert client("DELETE", f"/api/v1/feeds/{row['id']}")[0] == 204
    assert client("DELETE", f"/api/v1/feeds/{row['id']}")[0] == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"url": 1}', b'{"link": "x"}', b'{"url": "ftp://x"}', b"\xff", b"[" * 60_000,
     b'{"url": "https://x.example", "url2": ""}', b'{"url": "\\ud800"}', b'{"url": ""}'],
)  # fmt: skip
def test_a_body_that_is_no_feed_is_400_with_the_reason(client: Any, body: bytes) -> None:
    status, _, answer = client("POST", "/api/v1/feeds", body, **JSON)
    assert status == 400
    assert json.loads(answer)["error"]["message"]


def test_a_body_past_the_cap_is_413(client: Any) -> None:
    assert client("POST", "/api/v1/feeds", b" " * 70_000, **JSON)[0] == 413


def test_alerts_are_filtered_and_blanked(client: Any) -> None:
    items = get(client, "/api/v1/alerts?status=failed")["items"]
    assert [item["id"] for item in items] == ["a2"]
    assert items[0]["last_error"] == "https://***@hooks.example answered 503"


def test_a_channel_is_tested(client: Any) -> None:
    status, _, body = client("POST", "/api/v1/channels/desk/test", b"{}", **JSON)
    assert (status, json.loads(body)["said"]) == (200, "answered 204 in 12 ms")
    assert client("POST", "/api/v1/channels/none/test", b"{}", **JSON)[0] == 404


@pytest.mark.parametrize("name", ["silences", "saved-searches"])
def test_what_is_planned_says_so(client: Any, name: str) -> None:
    status, _, body = client("GET", f"/api/v1/{name}")
    assert status == 501
    assert "not built yet" in json.loads(body)["error"]["message"]


def test_a_wrong_query_names_its_place_and_what_was_expected(client: Any) -> None:
    status, _, body = client("GET", "/api/v1/search?q=" + quote("iran and (russia"))
    error = json.loads(body)["error"]
    assert status == 400
    assert set(error) == {"message", "position", "expected", "hint"}
    assert error["position"] == len("iran and (russia")
    assert error["expected"]


HOSTILE = [
    "(" * 10_000, ")" * 10_000, "a" * 19_999, "a or " * 4000 + "a", "not " * 4000 + "a", "*a", "*", '"', "a*b*c", "\\",
    "near/5", "a near/999999999999999999999 b", "published >= now-99999999999999d",
    "/(a+)+$/", "field: x", "((((",
    "a:b:c", "\x00", "\ud7ff\ufffe", "'; drop table x; --", "{{7*7}}",
    "${jndi:ldap://x}", "title: (" * 3000, "@nothing", "~",
    "~~a", "a near/0 b", "a near/-1 b", "not a", "source: *", "İ" * 5000, "\u0301" * 5000, "%00", "now-7d",
    "published: now-1y",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/facets", "/", "/feed.rss"])
def test_a_hostile_query_is_answered_or_refused_with_a_reason_and_never_500(client: Any, path: str) -> None:
    for q in HOSTILE:
        status, _, body = client("GET", f"{path}?{urlencode({'q': q})}")
        assert status in (200, 400), (status, q[:80])
        if status == 400 and path.startswith("/api/"):
            assert json.loads(body)["error"]["message"]


ODD = [
    "limit=0", "limit=x", "since=then", "until=never", "scope=none", "sort=up", "cursor=%00", "cursor=zzzz",
    "q=%ff%fe", "q=%ED%A0%80", "limit=%D9%A3", f"since={'9' * 5000}", f"cursor={'A' * 500}", "fields=colour",
    "size=-1", "buckets=0", "q=a&q=b&q=",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/histogram", "/api/v1/facets", "/", "/feed.atom"])
def test_hostile_parameters_never_give_500(client: Any, path: str) -> None:
    assert {client("GET", f"{path}?{given}")[0] for given in ODD} <= {200, 400}


def test_a_megabyte_of_address_is_refused_and_the_server_lives_on(client: Any) -> None:
    # The server closes without reading the rest, which may discard its own answer.
    with contextlib.suppress(ConnectionError):
        assert client("GET", "/api/v1/search?q=" + "a" * 1_000_000)[0] in (400, 414)
    assert client("GET", "/livez")[0] == 200


class Away:
    """An index whose disk is full."""

    def search(self, *_: object, **__: object) -> Any:
        raise IndexUnavailable("index: the disk is full: free some space", retry_after=30)

    aggregate = get = search


def test_an_index_that_is_away_is_503_with_a_time_to_come_back(newsroom: Any, serve: Any) -> None:
    client = serve(newsroom.deps(searches=Away()))
    for path in ("/", "/api/v1/search", "/feed.rss", "/articles/x", "/topics"):
        status, headers, body = client("GET", path)
        assert (status, headers["retry-after"]) == (503, "30")
        assert b"the disk is full" in body


# The description


def test_every_route_is_described_and_every_description_is_a_route(newsroom: Any) -> None:
    pages = {"/", "/articles/{id}", "/status", "/topics", "/alerts", "/feeds", "/static"}
    forms = {"/alerts/test", "/feeds/{id}/remove"}
    served = set()
    for route in create_app(newsroom.deps()).routes:
        for method in getattr(route, "methods", None) or {"GET"}:
            if method != "HEAD" and route.path not in pages | forms:  # type: ignore[attr-defined]  # every route of ours has a path
                served.add((method.lower(), route.path))  # type: ignore[attr-defined]  # as above
    assert served == {(row[0], row[1]) for row in ROUTES}


def test_the_description_is_served_and_its_schemas_are_schemas(client: Any, description: dict[str, Any]) -> None:
    assert get(client, "/openapi.json") == json.loads(json.dumps(description))
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_answers_hold_to_the_description(client: Any, description: dict[str, Any]) -> None:
    article = get(client, "/api/v1/search?limit=1")["items"][0]["id"]
    for method, path, *_ in ROUTES:
        if method != "get" or path == "/api/v1/stream":
            continue
        status, headers, body = client("GET", path.replace("{id}", article))
        answer = description["paths"][path]["get"]["responses"][str(status)]
        (media,) = answer["content"]
        assert headers["content-type"].startswith(media), path
        schema = answer["content"][media].get("schema")
        if schema:
            validate(json.loads(body), schema, description)
    for path in ("/api/v1/search?q=(", "/api/v1/nowhere", "/api/v1/articles/none"):
        validate(json.loads(client("GET", path)[2]), {"$ref": "#/components/schemas/ErrorAnswer"}, description)


def validate(value: Any, schema: dict[str, Any], description: dict[str, Any]) -> None:
    whole = {**schema, "components": description["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
