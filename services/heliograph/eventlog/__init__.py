"""The durable log that everything travels through, so that any stage can be stopped, restarted or replayed.

port.py          EventLog and Reader, with their promises
memory.py        in this process only; the fake of the tests
sqlite.py        one file, WAL, synced before an append returns; the embedded tier
group_commit.py  many callers, one writer, one sync for all who wait
kafka.py         topics shared out among many machines; the distributed tier
kafka_reader.py  a member of a group: joins at its first read, hands over what goes to others
kafka_records.py scans across partitions, and how old the oldest waiting event is
kafka_topics.py  makes and compares what schemas/kafka/topics.yaml declares
"""
