"""The one query language: a search, a topic, an alert condition and a back-test are the same text.

    grammar.lark   what binds tighter than what; a superset of KQL
    lexer.py       text -> terminals; limits of size and depth
    terms.py       words, phrases, prefix* and ~stem, in queries and in concept files
    moments.py     dates, times and now-7d, as the periods that they name
    zones.py       time zones by name and offset, and what an unknown name was meant to be
    compile.py     what the grammar saw -> tree: fields, concepts, chains (shape.py puts nodes together)
    habits.py      signs of other query languages, said rather than passed over
    check.py       refuses what could hold by absence alone
    parse.py       all of it: text -> tree, or an error with its position
    render.py      that error, with a caret under the place
    complete.py    what may stand where a query is being written

    tree.py        the tree: frozen nodes, already folded, concepts already resolved
    unparse.py     a tree as query text again, and as an outline for people
    view.py        a document as the evaluator sees it: folded tokens, positions, field values
    morphology.py  stems and lemmas for `~word`
    chains.py      near and before: is a choice of spans close enough, and which take part?
    match.py       does a tree hold for a view?
    explain.py     where it holds: evidence with offsets

Pure throughout: no clock, no network, no state; concepts and the present moment are arguments. The grammar, the
stemmers' own data and the time zones are read at first use.
"""
