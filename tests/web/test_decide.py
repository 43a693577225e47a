"""decide: parameters, relative times, and filters added to a query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import QueryError, UsageError
from heliograph.query.parse import parse
from heliograph.query.tree import And, Not
from heliograph.web.decide import (
    MAX_LIMIT,
    MAX_QUERY,
    ParameterError,
    add_filter,
    conjuncts,
    filters_of,
    read_params,
    read_time,
)

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-7d", NOW - timedelta(days=7)),
        ("now+2w", NOW + timedelta(weeks=2)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T06:00:00Z", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01T10:00:00+04:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_are_read(text: str, expected: Any) -> None:
    assert read_time("since", text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "now-7x", "now-999999w", "2026-13-01", "now - 7d", "9" * 400, "\x00", "٣"]
)
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ParameterError, match="since: not a time") as caught:
        read_time("since", text, NOW)
    assert "now-7d" in caught.value.expected


@pytest.mark.parametrize("limit", ["0", "-1", "1e3", "ten", "٣", "00", "1.0"])
def test_a_limit_is_a_number_from_1(limit: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        read_params({"limit": limit}, NOW)


@pytest.mark.parametrize("limit", ["201", "1" * 500])
def test_a_limit_is_cut_to_the_cap(limit: str) -> None:
    assert read_params({"limit": limit}, NOW).limit == MAX_LIMIT


@pytest.mark.parametrize(
    "given_", [{"scope": "everything"}, {"sort": "random"}, {"cursor": "x" * 600}, {"since": "now", "until": "now-1d"}]
)
def test_what_cannot_be_asked_is_refused(given_: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        read_params(given_, NOW)


def test_an_endless_query_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(QueryError):
        read_params({"q": "a" * (MAX_QUERY + 1)}, NOW)


@pytest.mark.parametrize(
    ("query", "field", "value", "expected"),
    [
        ("", "country", "az", "country: az"),
        ("rail", "country", "az", "rail and country: az"),
        ("rail or road", "country", "az", "(rail or road) and country: az"),
        ("(rail or road) and topic: x", "country", "az", "(rail or road) and topic: x and country: az"),
        ('"rail or road"', "country", "az", '"rail or road" and country: az'),
        ("rail", "source", 'a "b" \\c', 'rail and source: "a \\"b\\" \\\\c"'),
        ("rail", "source", "or", 'rail and source: "or"'),
        ("rail and country: az", "country", "az", "rail and country: az"),
    ],
)
def test_a_filter_is_added_as_a_person_would_write_it(query: str, field: str, value: str, expected: Any) -> None:
    assert add_filter(query, field, value) == expected


VALUES = st.text(st.sampled_from('ab9_-"\\ ():*@~əЯق'), min_size=1, max_size=8).filter(
    lambda value: any(char.isalnum() for char in value)
)
QUERIES = st.sampled_from(
    ["rail", "rail or road", "not rail and road", '"a or b"', "rail near/5 road", "title: (a or b)", "a\\(b or c"]
)


@given(QUERIES, VALUES, st.booleans())
def test_an_added_filter_narrows_exactly_by_that_filter(query: str, value: str, negate: bool) -> None:
    node = parse(add_filter(query, "source", value, negate=negate))
    alone = parse(add_filter("", "source", value))
    assert isinstance(node, And)
    assert shape(node.nodes[-1]) == shape(Not(alone) if negate else alone)
    before = parse(query)
    rest = node.nodes[:-1]
    assert shape(And(rest)) == shape(before) if isinstance(before, And) else shape(rest[0]) == shape(before)


def shape(node: object) -> str:
    """A tree without positions, which move when text is put in front."""
    import re

    return re.sub(r"position=\d+", "", repr(node))


@given(QUERIES, VALUES)
def test_a_filter_can_be_taken_away_again(query: str, value: str) -> None:
    added = add_filter(query, "source", value)
    last = filters_of(added)[-1]
    assert conjuncts(last.without) == conjuncts(added)[:-1]
    assert last.text == add_filter("", "source", value)
