"""Standing topics: which articles each asks for, and why.

topic.py     Topic and its file; versions by content
concepts.py  concept files: terms in seven languages behind one name
files.py     finds shipped and user's files; a user's file wins by id
engine.py    all topics compiled into one matcher; pure
score.py     how much of an article is about its topic; pure
stage.py     articles -> matches
"""
