"""Documents in, searches answered: the same articles for a query as the matcher finds, with counts that are exact.

port.py      Index: upsert, search, aggregate, get, purge, with their promises
decide.py    pure: order and cursors, intervals and buckets, the values that are counted
memory.py    the evaluator over a dict; the reference for every other adapter
stage.py     upserts what the log brings

embedded.py  tantivy in a folder: one writer, any number of readers
  plan.py      pure: a tree -> bounds around what it finds; `explained` tells them to a person
  bounds.py    pure: the two bounds, and those of one token and one phrase
  chains.py    pure: the bounds of near and before
  clauses.py   pure: what an inverted index can say, as data
  compile.py   clauses -> the engine's queries
  schema.py    a document -> the engine's fields; the layout's number
  stored.py    a document with its tokens <-> bytes
  collect.py   pages, counts, and the checking of what lies between the bounds
  folder.py    opening, the marker of the layout, the lock, errors in one line

elastic.py           Elasticsearch: any number of writers and readers
  elastic_body.py    pure: a tree -> the body that is asked, exact nearly always; `explained` shows it to a person
  elastic_chains.py  pure: terms and chains as rules of `intervals`
  elastic_logic.py   pure: and, or, not of bodies; the two bounds
  elastic_schema.py  a document -> what is indexed; the layout's number; the mapping is in `schemas/elasticsearch`
  elastic_bulk.py    many documents in one request, and what became of each
  elastic_backing.py the indices behind an alias: made, checked, rolled over, dropped
  elastic_reader.py  pages, counts, walks, and the checking of candidates
"""
