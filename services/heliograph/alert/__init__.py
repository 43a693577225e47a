"""Alerts: one for each topic, story and channel, decided by pure rules, claimed before it is sent, sent until taken.

    decide.py          candidates, the rules they must pass, and what becomes of those that do; pure
    pipeline.py        the line of rules, on one screen
    stage.py           flagged -> claims
    port.py            Alert, Delivery, Attempt; Outbox and History, which are one store; Notifier
    history_memory.py  the store for trials and tests
    history_sqlite.py sqlite_rows.py
                       the store of the embedded tier, and its tables
    history_elastic.py elastic_index.py elastic_leases.py elastic_writes.py
                       the store of the distributed tier: its promises, its one index, who sends what, what is
                       written together
    claims.py          what a batch of claims makes and changes; pure
    listing.py         the order of lists, and their cursors
    deliver.py lane.py async_outbox.py receiver.py
                       the outbox's other end: a lane for each channel, what its receiver has told us, a clean stop
    retry.py           when to try again; pure
    notifiers/         one file for each kind of channel
    channels.py        `[[channels]]` and `[[policies]]` tables -> notifiers and policies
    format.py          an alert as a webhook's body, and as a line
    secret.py          what must never be shown

A claim is create-if-absent under a deterministic id, so an event handled twice alerts once; a claim is also the place
in the outbox, so nothing is claimed and forgotten. A message may be sent twice (a process can die between sending and
recording), always under the same id.
"""
