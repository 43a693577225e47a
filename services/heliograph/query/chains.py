"""Near and before: does a choice of spans lie close enough, and which spans take part in one?

A span is a half-open range of token positions. For k operands, each with its spans, a choice of one span each costs
(largest end - smallest start - sum of the lengths), and a chain holds if some choice costs at most its distance; an
ordered chain also asks that each span starts at or after the end of the one before. Both tests are exact, for spans
of different lengths and overlapping ones too, and need no enumeration of choices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

Span = tuple[int, int]
Spans = Sequence[Span]
"""Spans of one operand, rising by start, then end."""

_FAR = 1 << 60
_FEW_CHOICES = 32
"""Choices that are quicker looked at one by one."""
_MOST_WINDOWS = 500
"""Windows looked at to say which spans take part: a text of one repeated word has thousands that say the same."""


def holds(operands: Sequence[Spans], distance: int, *, ordered: bool) -> bool:
    """Return whether one choice of spans, one of each operand, costs at most `distance`."""
    if not all(operands):
        return False
    if ordered:
        return any(cost <= distance for cost in _costs(operands)[-1])
    if len(operands) == 2 and len(operands[0]) * len(operands[1]) <= _FEW_CHOICES:
        return any(
            max(end, other_end) - min(start, other) - (end - start) - (other_end - other) <= distance
            for start, end in operands[0]
            for other, other_end in operands[1]
        )
    return any(_windows(operands, distance))


def taking_part(operands: Sequence[Spans], distance: int, *, ordered: bool, limit: int) -> list[list[Span]]:
    """Return for each operand its spans that are in some choice that costs at most `distance`.

    At most `limit` of each, the earliest windows first.
    """
    if not all(operands):
        return [[] for _ in operands]
    if ordered:
        return [spans[:limit] for spans in _ordered_members(operands, distance)]
    found: list[set[Span]] = [set() for _ in operands]
    for window, best, cost in islice(_windows(operands, distance), _MOST_WINDOWS):
        for number, spans in enumerate(window):
            # In this window, a shorter span than the best of its operand leaves so much more of a gap.
            found[number].update(span for span in spans if cost + best[number] - (span[1] - span[0]) <= distance)
        if all(len(spans) >= limit for spans in found):
            break
    return [sorted(spans)[:limit] for spans in found]


def _costs(operands: Sequence[Spans]) -> list[list[int]]:
    """For an ordered chain: the least cost of a choice that ends in each span of each operand."""
    table = [[0] * len(operands[0])]
    for before, spans in pairwise(operands):
        # The cost at a span is its start minus the largest (end - cost) of the spans before that end by then.
        ends = sorted((span[1], span[1] - cost) for span, cost in zip(before, table[-1], strict=True))
        row, at, best = [], 0, -_FAR
        for start, _ in spans:
            while at < len(ends) and ends[at][0] <= start:
                best = max(best, ends[at][1])
                at += 1
            row.append(start - best)
        table.append(row)
    return table


def _ordered_members(operands: Sequence[Spans], distance: int) -> list[list[Span]]:
    forward = _costs(operands)
    # Read from right to left, the chain is an ordered chain of the mirrored spans.
    mirrored = [sorted((-end, -start) for start, end in spans) for spans in reversed(operands)]
    backward = {}
    for number, (spans, costs) in enumerate(zip(reversed(mirrored), reversed(_costs(mirrored)), strict=True)):
        backward.update({(number, -end, -start): cost for (start, end), cost in zip(spans, costs, strict=True)})
    return [
        [
            span
            for span, cost in zip(spans, forward[number], strict=True)
            if cost + backward[(number, *span)] <= distance
        ]
        for number, spans in enumerate(operands)
    ]


def _windows(operands: Sequence[Spans], distance: int) -> Iterator[tuple[list[list[Span]], list[int], int]]:
    """Yield the windows of an unordered chain: their spans, the longest of each operand, and the cost of those.

    Whatever the choice, its smallest start and largest end are those of some spans, and among the spans inside that
    window the longest of each operand cost least; so the windows between starts and ends decide, and only windows of
    at most `distance` plus the longest lengths can do.
    """
    reach = distance + sum(max(end - start for start, end in spans) for spans in operands)
    at = [0] * len(operands)
    for left in sorted({start for spans in operands for start, _ in spans}):
        at = [bisect_left(spans, (left, 0), lo) for spans, lo in zip(operands, at, strict=True)]
        if any(lo == len(spans) for spans, lo in zip(operands, at, strict=True)):
            return
        limit = left + reach
        if all(spans[lo][1] <= limit for spans, lo in zip(operands, at, strict=True)):
            yield from _from_left(operands, at, left, limit, distance)


def _from_left(
    operands: Sequence[Spans], at: Sequence[int], left: int, limit: int, distance: int
) -> Iterator[tuple[list[list[Span]], list[int], int]]:
    inside: list[tuple[int, int, int]] = []
    for number, (spans, lo) in enumerate(zip(operands, at, strict=True)):
        for index in range(lo, len(spans)):
            start, end = spans[index]
            if start >= limit:
                break
            if end <= limit:
                inside.append((end, number, start))
    inside.sort()
    best, window = [0] * len(operands), [list[Span]() for _ in operands]
    for index, (end, number, start) in enumerate(inside):
        window[number].append((start, end))
        best[number] = max(best[number], end - start)
        if index + 1 < len(inside) and inside[index + 1][0] == end:
            continue
        cost = end - left - sum(best)
        if cost <= distance and all(best):
            yield window, best, cost
