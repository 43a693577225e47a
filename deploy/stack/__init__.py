"""Real Kafka and Elasticsearch on this machine, from their published jars, without containers.

    stack.py      the command line
    servers.py    class Stack: up, down, start, stop, kill, pause, resume, status
    memory.py     what the folder of a stack remembers
    broker.py     a Kafka node in KRaft mode: its properties, its storage, its command, whether it answers
    node.py       an Elasticsearch node: its home, its configuration, its command, whether it answers
    jars.py       what both run from: downloaded once by Maven into a cache outside the checkout
    jdk.py        which Java runs it
    process.py    a process that outlives us, told from a stranger that has its number by now
    ports.py      free loopback ports

Only the standard library is needed, so that it runs before anything is installed.
"""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot do what was asked; the message is one line that says what to do."""
