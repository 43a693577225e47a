"""The page on what is served over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.docs.markdown import code, page, table

from heliograph import __version__
from heliograph.web.openapi import describe

PAGES = {
    "/": "Articles: search, histogram, facets, live list.",
    "/articles/{id}": "One article, with every place that a topic was satisfied by.",
    "/topics": "The topics in force, with their queries and counts.",
    "/alerts": "What was decided, sent and answered; a test message to a channel.",
    "/feeds": "Subscriptions and their ledger; subscribe and unsubscribe.",
    "/status": "Steps, tasks and checks of the process.",
}


def http() -> str:
    """Return docs/reference/http.md."""
    description = describe(__version__)
    used = {name for path in description["paths"].values() for verb in path.values() for name in _parameters(verb)}
    return page(
        "HTTP",
        "Everything answers on `web.host` and `web.port` (`http://127.0.0.1:8477` unless set otherwise). The same as "
        "OpenAPI 3.1, for programs: `/openapi.json`.",
        str(description["info"]["description"]),
        "A failure of the API is JSON: `error` with a `message` and, for a query, its `position` and what was "
        "`expected` there. 400 says what cannot be, 404 what is not there, 413 that the body is too large, 503 with "
        "`Retry-After` that something is away for now.",
        "## Pages",
        "For people; they work without JavaScript.",
        table(("Path", ""), [(code(path), text) for path, text in PAGES.items()]),
        "## For programs",
        table(("Method", "Path", "", "Parameters", "Answer"), list(_routes(description))),
        "## Parameters",
        table(("Name", "Values", "Default", ""), [_parameter(one) for name, one in used_parameters(description, used)]),
        "## Answers",
        *(part for name, schema in description["components"]["schemas"].items() for part in _schema(name, schema)),
    )


def _routes(description: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, verbs in description["paths"].items():
        for verb, operation in verbs.items():
            status, response = next(iter(operation["responses"].items()))
            media, content = next(iter(response.get("content", {"": {}}).items()))
            struct = _type(content["schema"]) if content.get("schema") else code(media)
            names = ", ".join(code(name) for name in _parameters(operation))
            yield verb.upper(), code(path), operation["summary"], names, f"{status} {struct}".strip()


def _parameters(operation: dict[str, Any]) -> list[str]:
    return [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]


def used_parameters(description: dict[str, Any], names: set[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return each query parameter once, by name."""
    found = {
        one["name"]: one
        for path in description["paths"].values()
        for operation in path.values()
        for one in operation.get("parameters", ())
        if one["name"] in names
    }
    return sorted(found.items())


def _parameter(one: dict[str, Any]) -> tuple[str, str, str, str]:
    schema = one["schema"]
    values = ", ".join(map(code, schema["enum"])) if "enum" in schema else schema["type"]
    if "minimum" in schema:
        values += f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
    return code(one["name"]), values, code(str(schema.get("default", ""))), one["description"]


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield schema.get("description", "")
    required = schema.get("required", ())
    yield table(
        ("Field", "Type", ""),
        [
            (code(key), _type(value), "" if key in required else "optional")
            for key, value in schema.get("properties", {}).items()
        ],
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        items = schema.get("items") or {"prefixItems": schema.get("prefixItems")}
        return f"list of {_type(items)}" if isinstance(items, dict) and "prefixItems" not in items else "list"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) else "object"
    return str(schema.get("format") or schema.get("type", "any"))
