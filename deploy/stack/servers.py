"""The stack as one thing: which nodes there are, where they answer, and how each is started and ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deploy.stack import StackError
from deploy.stack.broker import Broker
from deploy.stack.jars import default_environment, say
from deploy.stack.memory import ELASTICSEARCH, KAFKA, Memory, kind_of, known, names_of, number_of, process_of
from deploy.stack.node import Node
from deploy.stack.ports import HOST, choose, is_free
from deploy.stack.process import PAUSED, RUNNING, STOPPED, Process, await_that, spawn

DEFAULT_HEAP = {KAFKA: "256m", ELASTICSEARCH: "512m"}
START = 300.0  # seconds within which a node must answer; 45 were needed on two loaded cores
GRACE = 20.0  # seconds between asking a node to end and ending it
RELEASE = 5.0  # seconds in which the ports of a node that was killed become free


@dataclass(frozen=True)
class Options:
    """What can be chosen of a stack, by kind; `brokers` 0 means as many as before, else one.

    A port of `ports` is taken or it is an error; one of `preferred` if it is free; else any free one. A cluster's
    brokers take the ports from the first's upwards.
    """

    brokers: int = 0
    ports: Mapping[str, int] = field(default_factory=dict)
    preferred: Mapping[str, int] = field(default_factory=dict)
    heaps: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """One broker or three, and one Elasticsearch node, on loopback.

    The folder holds data, logs and `stack.json`: the ports, and pid and start time of each node, so that whoever has
    the folder can end the nodes. Ports and data stay over `down` and `up`. Whatever cannot be done raises StackError.
    """

    def __init__(
        self, folder: Path, options: Options | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.resolve()
        self._options = options or Options()
        self._memory = Memory(self.folder, self._options.brokers)
        self._environment = default_environment() if environment is None else dict(environment)

    @property
    def names(self) -> list[str]:
        """The nodes of this stack: kafka-1 (to kafka-3) and elasticsearch."""
        return names_of(self._memory.read())

    @property
    def bootstrap(self) -> str:
        """Where the brokers answer: host:port, separated by commas."""
        return ",".join(self.address(name) for name in self.names if name != ELASTICSEARCH)

    @property
    def url(self) -> str:
        """Where Elasticsearch answers."""
        return f"http://{self.address(ELASTICSEARCH)}"

    def address(self, name: str) -> str:
        """Return host:port of a node, whether it runs now or not."""
        return f"{HOST}:{known(self._memory.read(), name)['port']}"

    def log(self, name: str) -> Path:
        """Return the file with what a node says; what it said before its last start lies beside it, as `.1`."""
        return self.folder / name / "output.log"

    def status(self) -> dict[str, dict[str, Any]]:
        """Return address, state (running, paused, stopped) and pid of each node that was ever started."""
        return {
            name: {"address": f"{HOST}:{node['port']}", "state": process_of(node).state(), "pid": node["pid"]}
            for name, node in self._memory.read()["nodes"].items()
        }

    def up(self, only: str = "") -> None:
        """Start what does not run yet and wait until it answers; `only` is kafka or elasticsearch."""
        with self._memory.held() as state:
            self._memory.check(state)
            chosen = [name for name in names_of(state) if not only or kind_of(name) == only]
            if not chosen:
                raise StackError(f"there is no {only} here; choose {KAFKA} or {ELASTICSEARCH}")
            self._place(state, chosen)
            self._spawn(state, chosen)
        self._await(state, chosen)

    def start(self, name: str) -> None:
        """Start one node where it was before, and wait until it answers; one that runs is left alone."""
        with self._memory.held() as state:
            known(state, name)
            self._place(state, [name])
            self._spawn(state, [name])
        self._await(state, [name])

    def stop(self, name: str, grace: float = GRACE) -> None:
        """Ask a node to end; end it after `grace` seconds."""
        with self._memory.held() as state:
            _end([process_of(known(state, name))], grace)

    def kill(self, name: str) -> None:
        """End a node without a word, as `kill -9` does; return when it has ended."""
        process = process_of(known(self._memory.read(), name))
        process.send(signal.SIGKILL)
        if not process.ended(within=GRACE):
            raise StackError(f"{name} (pid {process.pid}) does not end although it was killed; see {self.log(name)}")

    def pause(self, name: str) -> None:
        """Stop a node's clock (SIGSTOP): it keeps its connections and answers nobody."""
        self._signal(name, signal.SIGSTOP, PAUSED)

    def resume(self, name: str) -> None:
        """Let a paused node go on (SIGCONT)."""
        self._signal(name, signal.SIGCONT, RUNNING)

    def down(self, grace: float = GRACE) -> list[str]:
        """End all nodes that run and return their names; data stay. A second time there is nothing to do."""
        if not self.folder.exists():
            return []
        with self._memory.held() as state:
            running = {name: process_of(node) for name, node in state["nodes"].items()}
            running = {name: process for name, process in running.items() if process.state() != STOPPED}
            _end(list(running.values()), grace)
        return list(running)

    # How it is done

    def _place(self, state: dict[str, Any], names: list[str]) -> None:
        """Give each node its ports: those it had, where they are free; others only while no neighbour knows them."""
        nodes = state["nodes"]
        for name in names:
            node = nodes.get(name)
            if node and process_of(node).state() != STOPPED:
                continue
            kind, number = kind_of(name), number_of(name)
            wanted, preferred = (
                _nth(ports.get(kind, 0), number) for ports in (self._options.ports, self._options.preferred)
            )
            used = {port for other in nodes.values() for port in (other["port"], other["peer"])}
            if node:
                asked_elsewhere = wanted and wanted != node["port"]
                if not asked_elsewhere and await_that(partial(_free, node), RELEASE):
                    continue
                if any(kind_of(other) == kind and process_of(nodes[other]).state() != STOPPED for other in nodes):
                    where = f"{node['port']} or {node['peer']}"
                    raise StackError(f"{name} cannot move from port {where} while others of its cluster run; end them")
                used -= {node["port"], node["peer"]}
            port = choose(wanted, preferred, used, f"STACK_{kind.upper()}_PORT")
            peer = choose(0, 0, {*used, port}, "")
            nodes[name] = {**(node or {"pid": 0, "started": ""}), "port": port, "peer": peer}

    def _spawn(self, state: dict[str, Any], names: list[str]) -> None:
        """Start those that do not run; a paused one goes on. What is needed is fetched before anything starts."""
        away = []
        for name in names:
            process = process_of(state["nodes"][name])
            process.send(signal.SIGCONT)
            if process.state() == STOPPED:
                away.append(name)
        servers = {name: self._server(state, name) for name in away}
        commands = {name: server.command() for name, server in servers.items()}
        with ThreadPoolExecutor() as pool:  # each new broker's storage is formatted by a Java of its own
            for prepared in [pool.submit(server.prepare) for server in servers.values()]:
                prepared.result()
        for name, command in commands.items():
            process = spawn(command, self.log(name), self._environment)
            state["nodes"][name].update(pid=process.pid, started=process.started)
            say(f"{name} starts on {HOST}:{state['nodes'][name]['port']}")

    def _await(self, state: dict[str, Any], names: list[str]) -> None:
        """Wait until each node answers, and each broker knows those that were started together with it."""
        begun = time.monotonic()
        for name in names:
            server, process = self._server(state, name, together=names), process_of(state["nodes"][name])
            settled = partial(_settled, server, process)
            if not await_that(settled, START - (time.monotonic() - begun)):
                raise StackError(f"{name} has not answered within {START:.0f} seconds; see {self.log(name)}")
            if process.state() == STOPPED:
                raise StackError(f"{name} ended while it started: {_last_words(self.log(name))}; see {self.log(name)}")
            say(f"{name} answers on {self.address(name)} after {time.monotonic() - begun:.0f} s")

    def _server(self, state: dict[str, Any], name: str, together: Iterable[str] = ()) -> Broker | Node:
        node, kind = state["nodes"][name], kind_of(name)
        heap = self._options.heaps.get(kind, DEFAULT_HEAP[kind])
        where = {"folder": self.folder / name, "port": node["port"], "peer": node["peer"]}
        if kind == ELASTICSEARCH:
            return Node(**where, heap=heap, environment=self._environment)
        return Broker(
            **where,
            id=number_of(name),
            peers={number_of(one): its["peer"] for one, its in state["nodes"].items() if kind_of(one) == KAFKA},
            fellows=frozenset(number_of(one) for one in together if kind_of(one) == KAFKA),
            cluster=state["cluster"],
            heap=heap,
            environment=self._environment,
        )

    def _signal(self, name: str, number: signal.Signals, state: str) -> None:
        process = process_of(known(self._memory.read(), name))
        process.send(number)
        if not await_that(lambda: process.state() == state, GRACE):
            raise StackError(f"{name} is {process.state()}, not {state}; see {self.log(name)}")


def _free(node: Mapping[str, Any]) -> bool:
    return is_free(node["port"]) and is_free(node["peer"])


def _nth(port: int, number: int) -> int:
    return port + number - 1 if port else 0


def _settled(server: Broker | Node, process: Process) -> bool:
    """Return whether there is nothing to wait for any more: it answers, or it has ended."""
    return process.state() == STOPPED or server.ready()


def _end(processes: Sequence[Process], grace: float) -> None:
    """Ask processes to end, all at once; kill those that have not after some seconds."""
    for process in processes:
        process.send(signal.SIGTERM)
        process.send(signal.SIGCONT)  # a paused one could not listen
    end = time.monotonic() + grace
    for process in processes:
        if not process.ended(within=end - time.monotonic()):
            process.send(signal.SIGKILL)
            process.ended(within=GRACE)


def _last_words(log: Path) -> str:
    """Return the line of a log that most likely says why its process ended."""
    try:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return "it said nothing"
    telling = [line for line in lines if not line.startswith("at ") and ("ERROR" in line or "Exception" in line)]
    return (telling or lines or ["it said nothing"])[-1][:300]
