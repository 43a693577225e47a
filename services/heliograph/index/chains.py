"""The plan of a chain: exact where two operands hold single tokens, the tightest cheap bounds elsewhere. Pure.

For spans that begin at `a` and `b` and are `m` and `n` tokens long, a chain of two with distance N asks

    near      -(N + n) <= b - a <= N + m        before      m <= b - a <= m + N

which an index with positions can say where it can name the begin of a span and m and n are known: of single tokens
(m = n = 1). For a phrase it can name the begin of its first token only, so that a phrase is asked for beside it, and
the documents between both bounds are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from heliograph.index.bounds import Plan, any_of, at_most, exactly, has_position, phrase_plan
from heliograph.index.clauses import Clause, Within, both, either
from heliograph.query.tree import AnyOf, Atom, Chain, Operand, Term

# Above so many operands only neighbours are asked to be close: the pairs would outgrow the documents they save.
_ALL_PAIRS = 4
# Above so many terms in all, reading the documents that hold each operand takes less than asking for distances.
_FEW = 48
# The same where distances say all, and nothing need be read.
_FEW_SINGLE = 96


def plan_chain(chain: Chain, field: str, *, positions: bool) -> Plan:
    """Return the bounds of a chain in one field; with `positions` false, distances are left to checking."""
    operands = [terms_of(operand) for operand in chain.operands]
    if not all(operands):
        return any_of(())
    sides = [_single(terms) for terms in operands]
    rest = [[term for term in terms if not _is_single(term)] for terms in operands]
    whole = len(operands) == 2 and not any(rest)
    if not positions or sum(map(len, operands)) > (_FEW_SINGLE if whole else _FEW):
        return at_most(_present(operands, field, positions=False))
    if len(operands) > 2 or not all(sides):
        return at_most(_loose(chain, operands, field))
    exact = exactly(Within(field, sides[0], sides[1], *_reach(chain, 1, 1)))
    if whole:
        return exact
    # Single tokens of both sides are dealt with: where one side has no others, the rest of the other is in doubt.
    left = rest[0] if not rest[1] else operands[0]
    right = rest[1] if not rest[0] else operands[1]
    return any_of([exact, at_most(_loose(chain, [left, right], field))])


def terms_of(operand: Operand) -> list[Term]:
    """Return the terms that an operand stands for, each once."""
    if isinstance(operand, Term):
        return [operand]
    if isinstance(operand, AnyOf):
        return list(dict.fromkeys(term for part in operand.operands for term in terms_of(part)))
    return list(operand.terms)


def _present(operands: Sequence[Sequence[Term]], field: str, *, positions: bool) -> Clause:
    """Return that each operand stands somewhere in the field."""
    return both(
        either(phrase_plan(term.atoms, field, positions=positions).possible for term in terms) for terms in operands
    )


def _is_single(term: Term) -> bool:
    """Whether a term is one token whose positions can be asked for."""
    return len(term.atoms) == 1 and has_position(term.atoms[0])


def _single(terms: Sequence[Term]) -> tuple[Atom, ...]:
    return tuple(dict.fromkeys(term.atoms[0] for term in terms if _is_single(term)))


def _first(terms: Sequence[Term]) -> tuple[Atom, ...]:
    """Return the first tokens of all terms, or nothing where one of them has no position to ask for."""
    atoms = dict.fromkeys(term.atoms[0] for term in terms)
    return tuple(atoms) if all(map(has_position, atoms)) else ()


def _reach(chain: Chain, left: int, right: int) -> tuple[int, int]:
    """Return how far the begin of the right span may lie behind that of the left, for spans of these lengths."""
    if chain.ordered:
        return left, left + chain.distance
    return -(chain.distance + right), chain.distance + left


def _pairs(firsts: Sequence[Sequence[Atom]]) -> list[tuple[int, int]]:
    """Return the operands that are asked to be close to each other, two and two."""
    numbers = range(len(firsts))
    pairs = combinations(numbers, 2) if len(firsts) <= _ALL_PAIRS else pairwise(numbers)
    return [(left, right) for left, right in pairs if firsts[left] and firsts[right]]


def _loose(chain: Chain, operands: Sequence[Sequence[Term]], field: str) -> Clause:
    """Return what holds wherever the chain does: all operands are there, and first tokens close, two and two."""
    firsts = [_first(terms) for terms in operands]
    longest = [max(len(term.atoms) for term in terms) for terms in operands]
    if len(operands) == 2:
        low, high = _reach(chain, longest[0], longest[1])
    else:
        # The whole lies in distance + sum of lengths, so two begins lie less far apart than that.
        high = chain.distance + sum(longest) - 1
        low = -high
    low = 1 if chain.ordered else low
    pairs = _pairs(firsts)
    # Single tokens that are asked to be close to something need not be asked for besides.
    asked = {number for pair in pairs for number in pair if all(map(_is_single, operands[number]))}
    apart = [terms for number, terms in enumerate(operands) if number not in asked]
    near = (Within(field, firsts[left], firsts[right], low, high) for left, right in pairs)
    return both([_present(apart, field, positions=True), *near])
