"""Where neighbours meet: the small adapters that compose.py puts between rooms which do not know each other.

world.py      all stores and definitions of one installation, opened when first asked for
parsing.py    parse -> fetch: bodies to items, in a child process
feeds.py      sources file -> ledger; ledger -> rows for pages and the command line
alerts.py     channels and policies of the settings -> notifiers, deliverer; history -> rows
pages.py      everything -> what the web pages need
live.py       index stage -> live list
upkeep.py     retention, and topics edited while the program runs
replay.py     the log or the dead letters -> a stage, once more
doctor.py     what is wrong, and what to do
"""
