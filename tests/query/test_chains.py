"""The chain test against the definition itself, by trying every choice."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.query.chains import Span, holds, taking_part

SPAN = st.builds(lambda start, length: (start, start + length), st.integers(0, 14), st.integers(1, 4))
OPERAND = st.lists(SPAN, max_size=4, unique=True).map(sorted)
CHAIN = st.lists(OPERAND, min_size=2, max_size=4)


def satisfying(operands: list[list[Span]], distance: int, *, ordered: bool) -> list[tuple[Span, ...]]:
    """Every choice that the definition accepts."""
    found = []
    for choice in product(*operands):
        if ordered and any(after[0] < before[1] for before, after in pairwise(choice)):
            continue
        first, last = min(start for start, _ in choice), max(end for _, end in choice)
        if last - first - sum(end - start for start, end in choice) <= distance:
            found.append(choice)
    return found


@settings(max_examples=200, deadline=None)
@given(operands=CHAIN, distance=st.integers(0, 6), ordered=st.booleans())
def test_a_chain_holds_exactly_where_some_choice_of_spans_does(
    operands: list[list[Span]], distance: int, ordered: bool
) -> None:
    assert holds(operands, distance, ordered=ordered) is bool(satisfying(operands, distance, ordered=ordered))


@settings(max_examples=200, deadline=None)
@given(operands=CHAIN, distance=st.integers(0, 6), ordered=st.booleans())
def test_the_spans_that_take_part_are_those_of_the_satisfying_choices(
    operands: list[list[Span]], distance: int, ordered: bool
) -> None:
    choices = satisfying(operands, distance, ordered=ordered)
    expected = [sorted({choice[number] for choice in choices}) for number in range(len(operands))]
    assert taking_part(operands, distance, ordered=ordered, limit=1000) == expected


@pytest.mark.parametrize(
    ("operands", "distance", "ordered", "expected"),
    [
        ([[(0, 1)], [(6, 7)]], 5, False, True),
        ([[(0, 1)], [(7, 8)]], 5, False, False),
        ([[(6, 7)], [(0, 1)]], 5, True, False),
        ([[(0, 1)], [(0, 1)]], 0, False, True),
        ([[(0, 1)], [(0, 1)]], 9, True, False),
        ([[(0, 2)], [(1, 3)]], 0, False, True),
        ([[(0, 3)], [(3, 4)]], 0, True, True),
        # The longer of two spans from one place closes the gap that the shorter leaves.
        ([[(0, 1), (0, 4)], [(5, 6)]], 1, False, True),
        ([[(0, 1)], [], [(1, 2)]], 100, False, False),
    ],
)
def test_a_chain_by_hand(operands: list[list[Span]], distance: int, ordered: bool, expected: bool) -> None:
    assert holds(operands, distance, ordered=ordered) is expected


def test_a_text_of_two_repeated_words_costs_no_enumeration_of_choices() -> None:
    # Six operands of 2,000 spans are 6.4e19 choices, and no choice is near: the third part lies far from the others.
    dense = [(start, start + 1) for start in range(2000)]
    far = [(start, start + 1) for start in range(5000, 7000)]
    assert not holds([dense, dense, dense, dense, dense, far], 100, ordered=False)
    assert not holds([dense, dense, far, dense, dense, dense], 100, ordered=True)
    assert holds([dense] * 6, 0, ordered=True)


def test_what_takes_part_is_bounded_and_the_earliest_first() -> None:
    dense = [(start, start + 1) for start in range(2000)]
    for ordered in (False, True):
        found = taking_part([dense, dense], 3, ordered=ordered, limit=10)
        assert all(len(spans) <= 10 for spans in found)
        assert found[0][0] == (0, 1)
