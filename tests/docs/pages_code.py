"""Pages on what travels and what goes wrong: events, errors, metrics."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import get_args

import msgspec
from tests.docs.markdown import code, fenced, member_docs, page, prose, table, type_name

from heliograph import errors
from heliograph.core import article, event
from heliograph.core.codec import SCHEMA_VERSION
from heliograph.runtime.metrics import Metrics

CARRIES: dict[str, type[msgspec.Struct]] = {
    event.ARTICLES: event.ArticleFetched,
    event.MATCHES: event.ArticleMatched,
    event.FLAGGED: event.ArticleFlagged,
    event.DEAD_LETTERS: event.DeadLetter,
}
"""Log topic -> payload of the events on it."""
NOUNS = (article.Article, article.Match, article.Evidence, article.Story)


def events() -> str:
    """Return docs/reference/events.md."""
    topics = [(code(topic), code(tag_of(kind)), _first_line(kind)) for topic, kind in CARRIES.items()]
    later = [code(topic) for topic in event.LOG_TOPICS if topic not in CARRIES]
    return page(
        "Events",
        "Every event is one envelope around one payload, as JSON (RFC 8259, UTF-8). A payload's `type` names it; "
        "fields that hold their default are left out. The schemas are "
        "[schemas/events/](../../schemas/events), described in [schemas/README.md](../../schemas/README.md).",
        table(("Log topic", "`type`", "Says"), topics),
        f"Names that are reserved and carry nothing in this release: {', '.join(later)}." if later else "",
        f"This release writes schema version {SCHEMA_VERSION}.",
        *_struct(event.Envelope, "##"),
        *(part for kind in get_args(event.Payload) for part in _struct(kind, "##")),
        "## What the payloads hold",
        *(part for kind in NOUNS for part in _struct(kind, "###")),
    )


def tag_of(kind: type[msgspec.Struct]) -> str:
    """Return the `type` of a payload."""
    return str(kind.__struct_config__.tag)


def _struct(kind: type[msgspec.Struct], level: str) -> Iterator[str]:
    tag = kind.__struct_config__.tag
    yield f"{level} {kind.__name__}{f' (`{tag}`)' if tag else ''}"
    yield prose(kind.__doc__)
    docs = member_docs(kind)
    yield table(
        ("Field", "Type", "Default", ""),
        [
            (code(field.encode_name), code(type_name(field.type)), default_of(field), docs.get(field.name, ""))
            for field in msgspec.structs.fields(kind)
        ],
    )


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as JSON, or `required`."""
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return code(msgspec.json.encode(value).decode())


def _first_line(kind: type) -> str:
    return prose(kind.__doc__).splitlines()[0]


def error_page() -> str:
    """Return docs/reference/errors.md."""
    tree = (errors.__doc__ or "").split("\n\n")
    (drawn,) = [part for part in tree if part.lstrip().startswith("HeliographError")]
    return page(
        "Errors",
        "Every error that a person can meet is one of these. Its message is one line that names the thing, the place "
        "and what to do about it; on the command line it goes to stderr, over HTTP it is `error.message` of "
        "the body.",
        fenced(inspect.cleandoc(drawn)),
        table(
            ("Error", "Exit status", "Means"),
            [
                (code(kind.__name__), "2" if issubclass(kind, errors.UsageError) else "1", _one_line(kind))
                for kind in error_tree()
            ],
        ),
    )


def error_tree(base: type[errors.HeliographError] = errors.HeliographError) -> list[type[errors.HeliographError]]:
    """Return the errors of `errors.py`, each before those that derive from it, in the order in which they stand."""
    direct = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__bases__ == (base,)]
    return [base, *(found for kind in direct for found in error_tree(kind))]


def _one_line(kind: type) -> str:
    return " ".join(prose(kind.__doc__).split())


def metrics() -> str:
    """Return docs/reference/metrics.md."""
    return page(
        "Metrics",
        "`/metrics` answers in the Prometheus text format. A counter is exposed with `_total` behind its name, a "
        "histogram as `_bucket`, `_sum` and `_count`, both with a `_created` beside them. No label grows "
        "with the news: none holds a title, an address or an article's id.",
        table(
            ("Name", "Type", "Labels", ""),
            [(code(name), kind, ", ".join(map(code, labels)), text) for name, kind, labels, text in families()],
        ),
    )


def families() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return (name as exposed, type, labels, help) of every metric, by name."""
    made = Metrics()
    labels: dict[str, tuple[str, ...]] = {}
    for collector in vars(made).values():
        for described in getattr(collector, "describe", list)():
            labels[described.name] = tuple(collector._labelnames)  # the library tells labels nowhere else before use
    suffix = {"counter": "_total", "info": "_info"}
    return sorted(
        (found.name + suffix.get(found.type, ""), found.type, labels.get(found.name, ()), found.documentation)
        for found in made.registry.collect()
    )
