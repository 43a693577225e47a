"""/openapi.json: OpenAPI 3.1, generated from the structs of `shapes.py` and the table below.

A test holds the table and the application's routes together, and validates answers against what it says.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from heliograph.core.article import Document
from heliograph.web import shapes
from heliograph.web.decide import MAX_LIMIT
from heliograph.web.health import Readiness
from heliograph.web.port import FeedRow

_STRUCTS: Final = (
    shapes.SearchAnswer,
    shapes.HistogramAnswer,
    shapes.FacetsAnswer,
    shapes.CompletionAnswer,
    shapes.TopicsAnswer,
    shapes.FeedsAnswer,
    shapes.AlertsAnswer,
    shapes.FeedRequest,
    shapes.ChannelAnswer,
    shapes.ErrorAnswer,
    Document,
    FeedRow,
    Readiness,
)
_TIME = "RFC 3339, a date, or relative: `now-7d`, `now/d` (units s m h d w M y); its beginning"
_PARAMETERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "q": ("Query in Heliograph's query language; everything where empty.", {"type": "string"}),
    "since": (f"Listed at or after: {_TIME}.", {"type": "string"}),
    "until": (f"Listed before: {_TIME}.", {"type": "string"}),
    "time_zone": (
        "Zone of dates without an offset, such as `Asia/Baku` or `+04:00`; the setting `time_zone` where empty.",
        {"type": "string"},
    ),
    "scope": (
        "`flagged`: what a topic asked for; `all`: every article kept.",
        {"type": "string", "enum": ["flagged", "all", "archive"], "default": "flagged"},
    ),
    "sort": (
        "Order of the items.",
        {"type": "string", "enum": ["newest", "oldest", "score"], "default": "newest"},
    ),
    "limit": (
        f"Items a page; more than {MAX_LIMIT} counts as {MAX_LIMIT}.",
        {"type": "integer", "minimum": 1, "default": 50},
    ),
    "cursor": ("`next` of the page before.", {"type": "string"}),
    "buckets": ("Bars at most.", {"type": "integer", "minimum": 1, "maximum": 400, "default": 60}),
    "fields": ("Fields to count values of, separated by commas; all where empty.", {"type": "string"}),
    "size": ("Values a field.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}),
    "at": ("Where in `q` is being written, in code points; its end where empty.", {"type": "integer", "minimum": 0}),
    "status": ("Only alerts with this status.", {"type": "string"}),
    "topic": ("Only alerts of this topic.", {"type": "string"}),
    "channel": ("Only alerts to this channel.", {"type": "string"}),
    "as": ("Form of the events' data.", {"type": "string", "enum": ["json", "html"], "default": "json"}),
    "after": ("Event id to resume behind, where `Last-Event-ID` cannot be sent.", {"type": "string"}),
}
_SEARCH = ("q", "since", "until", "time_zone", "scope")
_LIST = (*_SEARCH, "sort", "limit", "cursor")

# (method, path, summary, parameters, status and media type and struct of the answer, struct of the request's body)
_JSON = "application/json"
_Row = tuple[str, str, str, tuple[str, ...], int, str, str, str]
ROUTES: Final[tuple[_Row, ...]] = (
    ("get", "/api/v1/search", "Search articles", _LIST, 200, _JSON, "SearchAnswer", ""),
    ("get", "/api/v1/histogram", "Count over time", (*_SEARCH, "buckets"), 200, _JSON, "HistogramAnswer", ""),
    ("get", "/api/v1/facets", "Count by field", (*_SEARCH, "fields", "size"), 200, _JSON, "FacetsAnswer", ""),
    ("get", "/api/v1/complete", "What may stand in a query", ("q", "at"), 200, _JSON, "CompletionAnswer", ""),
    ("get", "/api/v1/articles/{id}", "One article with all evidence", (), 200, _JSON, "Document", ""),
    ("get", "/api/v1/topics", "Standing topics and their counts", (), 200, _JSON, "TopicsAnswer", ""),
    ("get", "/api/v1/feeds", "Subscriptions and their ledger", (), 200, _JSON, "FeedsAnswer", ""),
    ("post", "/api/v1/feeds", "Subscribe to a feed", (), 201, _JSON, "FeedRow", "FeedRequest"),
    ("delete", "/api/v1/feeds/{id}", "Unsubscribe", (), 204, "", "", ""),
    ("get", "/api/v1/alerts", "Alerts", ("limit", "status", "topic", "channel"), 200, _JSON, "AlertsAnswer", ""),
    ("post", "/api/v1/channels/{name}/test", "Send a test message", (), 200, _JSON, "ChannelAnswer", ""),
    (
        "get",
        "/api/v1/stream",
        "Flagged articles as they come",
        ("q", "time_zone", "as", "after"),
        200,
        "text/event-stream",
        "",
        "",
    ),
    ("get", "/api/v1/silences", "Planned", (), 501, _JSON, "ErrorAnswer", ""),
    ("post", "/api/v1/silences", "Planned", (), 501, _JSON, "ErrorAnswer", ""),
    ("get", "/api/v1/saved-searches", "Planned", (), 501, _JSON, "ErrorAnswer", ""),
    ("post", "/api/v1/saved-searches", "Planned", (), 501, _JSON, "ErrorAnswer", ""),
    ("get", "/feed.rss", "A search as RSS 2.0", _LIST, 200, "application/rss+xml", "", ""),
    ("get", "/feed.atom", "A search as Atom", _LIST, 200, "application/atom+xml", "", ""),
    ("get", "/feed.json", "A search as JSON Feed", _LIST, 200, "application/feed+json", "", ""),
    ("get", "/livez", "The process answers", (), 200, "text/plain", "", ""),
    ("get", "/readyz", "Named checks; 503 where one fails", (), 200, _JSON, "Readiness", ""),
    ("get", "/metrics", "Prometheus metrics", (), 200, "text/plain", "", ""),
    ("get", "/openapi.json", "This description", (), 200, _JSON, "", ""),
)


def describe(version: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    _, schemas = msgspec.json.schema_components(_STRUCTS, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for row in ROUTES:
        paths.setdefault(row[1], {})[row[0]] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": version,
            "description": (
                "Programs send no Origin header; what changes something then needs Content-Type: application/json."
            ),
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(row: _Row) -> dict[str, Any]:
    _, path, summary, names, status, media, struct, body = row
    parameters = [_parameter(name) for name in names]
    parameters += [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in path.split("/")
        if part.startswith("{")
    ]
    content = {media: {"schema": _ref(struct)} if struct else {}} if media else None
    responses: dict[str, Any] = {str(status): {"description": summary} | ({"content": content} if content else {})}
    if path.startswith("/api/") and status < 500:
        responses["default"] = {
            "description": "What was wrong, and what to do",
            "content": {_JSON: {"schema": _ref("ErrorAnswer")}},
        }
    if path == "/readyz":
        responses["503"] = {"description": "A check fails", "content": {_JSON: {"schema": _ref("Readiness")}}}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": _ref(body)}}}
    return operation


def _parameter(name: str) -> dict[str, Any]:
    description, schema = _PARAMETERS[name]
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _ref(struct: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{struct}"}
