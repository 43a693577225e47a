"""Standing topics: which articles each asks for, and why.

topic.py     Topic and its file; versions by content; a topic compiled
concepts.py  concept files: terms in any language behind one name
languages.py language files: one more language for the concepts that are there
yamlfile.py  the safe subset of YAML, with the line of every value
files.py     finds shipped and user's files; a user's file wins by id
atoms.py     the distinct words, prefixes and stems of all topics; from a spelling to the atoms in it
pivot.py     the few keys under which a topic is registered
registry.py  topics by key; which topics an article calls up
verify.py    one article against one topic
places.py    where the terms of topics stand in one article, worked out once
engine.py    all topics compiled into one matcher; pure
score.py     how much of an article is about its topic; pure
stage.py     articles -> matches
scan.py      JSON Lines in, JSON Lines out: what `heliograph scan` does
examples.py  runs the examples of topics
check.py     looks definitions over: errors, warnings, and what is good to know
covers.py    what provably follows from a query
deadparts.py parts of a query that provably do nothing
overlap.py   topics that flag the same, proven or measured on the examples
cost.py      what a topic looks for, what calls it up, and how often in vain
"""
