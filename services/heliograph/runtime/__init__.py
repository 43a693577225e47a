"""What runs the stages: two ports, their runners, and what every service needs around them.

stage.py     Stage, Runner, the three outcomes
poll.py      PollRunner: a supervised thread a step, over any event log
faust.py     FaustRunner: a supervised Faust app a step, over Kafka
faust_app.py the app and its agent; the one file that knows Faust
both.py      several runners as one
work.py      what every runner does with one batch: each failure becomes an outcome
effects.py   what it does with the outcomes: sink, dead letters, waits; then a position may be committed
thread.py    long calls, away from an event loop
supervise.py a task in a thread of its own; one that dies is started again
garbage.py   how a process that serves for long collects garbage
retry.py     pure back-off with jitter
elastic.py   the Elasticsearch client, and its errors in our words
kafka.py     the Kafka clients, made alike, and their errors in our words
metrics.py   every metric of the product, in one place
logs.py      structured logs, secrets redacted
sandbox.py   a pure function in a child process with a CPU deadline
"""
