"""Free ports of the loopback address."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from deploy.stack import StackError

HOST = "127.0.0.1"
# Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152 elsewhere): while a
# killed node is away, a client that knocks at its door must not be given that very port as its own.
CHOICE = range(20_000, 32_000)
TRIES = 200


def is_free(port: int) -> bool:
    """Return whether a server could listen there now; what a closed connection left behind does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(wanted: int, fallback: int, taken: Collection[int], setting: str) -> int:
    """Return the port to listen on: `wanted` if it is not 0, else `fallback` if it is free, else any free one.

    `taken` holds the ports that are given away already. Raises StackError where `wanted` is in use; `setting` names
    who wanted it.
    """
    if wanted:
        if wanted in taken or not is_free(wanted):
            raise StackError(f"port {wanted} ({setting}) is in use; end what listens there, or choose another")
        return wanted
    picked = (fallback, *random.sample(CHOICE, TRIES))
    for port in picked:
        if port and port not in taken and is_free(port):
            return port
    raise StackError(f"no free port among {TRIES} tried between {CHOICE.start} and {CHOICE.stop}")
