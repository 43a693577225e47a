"""The durable log that everything travels through, so that any stage can be stopped, restarted or replayed.

port.py          EventLog and Reader, with their promises
memory.py        in this process only; the fake of the tests
sqlite.py        one file, WAL, synced before an append returns; the embedded tier
group_commit.py  many callers, one writer, one sync for all who wait
"""
