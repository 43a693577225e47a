"""The one query language: a search, a topic, an alert condition and a back-test are the same text.

    grammar.lark  the grammar, a superset of KQL
    parse.py      text -> tree; errors with position, what was expected, the nearest known name
    tree.py       the tree: frozen nodes, already folded, concepts already resolved
    view.py       a document as the evaluator sees it: folded tokens, positions, field values
    match.py      does a tree hold for a view?
    explain.py    where it holds: evidence with offsets; a tree as text for people
    morphology.py stems and lemmas for `~word`

Pure throughout: no clock, no I/O; concepts and the present moment are arguments.
"""
