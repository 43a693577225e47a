"""Where neighbours meet: the small adapters that compose.py puts between rooms which do not know each other.

world.py           all stores and definitions of one installation, opened when first asked for
parsing.py         parse -> fetch: bodies to items, in a child process
collection.py      sources file -> ledger -> the ingest service; what pages and the command line see of it
subscriptions.py   the ledger as the command line edits and looks at it
delivery.py        channels and policies of the settings -> notifiers, the alert stage, the deliverer
deliveries.py      the alert history as the command line lists and retries it
found.py           the indexes as the command line searches them
pages.py           everything -> what the web pages need
live.py            index stage, or the log -> live list
upkeep.py          what servers lack, retention, and topics edited while the program runs
backtest.py        a topic, or its draft, over what is archived
replay.py          the log -> a stage, once more
replay_detect.py   the same for detection, compared with what was recorded
replay_alerts.py   the same for the policies, in a dry run
replay_letters.py  dead letters -> the stage that refused them
migrate.py         everything of the embedded tier -> the distributed tier
doctor.py          what is wrong, and what to do
doctor_stores.py   the same for the stores and what is in them
doctor_servers.py  the same for Kafka and Elasticsearch
"""
