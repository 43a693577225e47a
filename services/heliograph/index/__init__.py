"""Documents in, searches answered: the same articles for a query as the matcher finds, with counts that are exact.

port.py      Index: upsert, search, aggregate, get, purge, with their promises
memory.py    the evaluator over a dict; the reference for every other adapter
embedded.py  tantivy; candidates from the index, then our matcher where the engine cannot say it exactly
stage.py     upserts what the log brings
"""
