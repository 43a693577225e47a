"""Collection: is a feed due, what did it answer, what in it is new, and when to ask again.

port.py           Subscription, FeedState and the rest of the nouns; Fetcher, Ledger, ParseBody, Observer
decide.py         pure: new, changed or unchanged? first import? when next, and why?
health.py         pure: a feed's condition in one word, and advice
caching.py        pure: Retry-After, Cache-Control and Expires as seconds
addresses.py      pure: may this IP address be connected to?
urls.py           pure: what may be subscribed to, and how an address is shown without its secrets
http.py           the Fetcher of the product: conditional GET, every limit, every hop judged
failures.py       what goes wrong on the wire, as errors that are safe to show
guard.py          judges an address where it is connected to, and whether the request is still wanted there
inflate.py        content codings under a cap on decoded bytes
replay.py         a Fetcher that answers from recorded bytes
ledger_memory.py  the ledger in this process only
ledger_sqlite.py  the ledger in one SQLite file
ledger_kafka.py   the ledger in a compacted Kafka topic, for any number of processes
ledger_table.py   pure: that topic's records, and the table that they add up to
ledger_tail.py    reads that topic into the table
ledger_writer.py  writes that topic in transactions
share.py          the share of a worker that has the ledger to itself
share_kafka.py    a worker's share of the feeds, as a consumer group divides them
articles.py       pure: a parsed feed document as articles and events
schedule.py       a heap of due feeds, handed out fairly over hosts
poll.py           one poll from the request to what it leaves behind
commit.py         events first, then the ledger: several feeds in one transaction
stage.py          Ingest, the service
check.py          one fetch of one address, judged for a person
discover.py       pure: the feeds that an HTML page names
opml.py           pure: OPML in and out
sources.py        pure: sources.yaml as subscriptions

The order of effects is events, then dead letters, then the ledger. A kill between any two repeats work whose ids are
the same as before, so that nothing is lost and nothing is doubled.
"""
