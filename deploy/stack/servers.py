"""The stack as one thing: which nodes there are, where they answer, and how each is started and ended."""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deploy.stack import StackError
from deploy.stack.broker import Broker
from deploy.stack.jars import default_environment, locked, say
from deploy.stack.node import Node
from deploy.stack.ports import HOST, choose, is_free
from deploy.stack.process import PAUSED, RUNNING, STOPPED, Process, await_that, spawn

KAFKA, ELASTICSEARCH = "kafka", "elasticsearch"
BROKERS = (1, 2, 3)
DEFAULT_HEAP = {KAFKA: "256m", ELASTICSEARCH: "512m"}
START = 300.0  # seconds within which a node must answer; 45 were needed on two loaded cores
GRACE = 20.0  # seconds between asking a node to end and ending it


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
        self._environment = default_environment() if environment is None else dict(environment)

    @property
    def names(self) -> list[str]:
        """The nodes of this stack: kafka-1 (to kafka-3) and elasticsearch."""
        return _names(self._read())

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
        return f"{HOST}:{_known(self._read(), name)['port']}"

    def log(self, name: str) -> Path:
        """Return the file with what a node says; what it said before its last start lies beside it, as `.1`."""
        return self.folder / name / "output.log"

    def status(self) -> dict[str, dict[str, Any]]:
        """Return address, state (running, paused, stopped) and pid of each node that was ever started."""
        return {
            name: {"address": f"{HOST}:{node['port']}", "state": _process(node).state(), "pid": node["pid"]}
            for name, node in self._read()["nodes"].items()
        }

    def up(self, only: str = "") -> None:
        """Start what does not run yet and wait until it answers; `only` is kafka or elasticsearch."""
        with self._held() as state:
            chosen = [name for name in _names(state) if not only or _kind(name) == only]
            if not chosen:
                raise StackError(f"there is no {only} here; choose {KAFKA} or {ELASTICSEARCH}")
            self._place(state, chosen)
            self._spawn(state, chosen)
        self._await(state, chosen)

    def start(self, name: str) -> None:
        """Start one node where it was before, and wait until it answers; one that runs is left alone."""
        with self._held() as state:
            _known(state, name)
            self._place(state, [name])
            self._spawn(state, [name])
        self._await(state, [name])

    def stop(self, name: str, grace: float = GRACE) -> None:
        """Ask a node to end; end it after `grace` seconds."""
        with self._held() as state:
            _end([_process(_known(state, name))], grace)

    def kill(self, name: str) -> None:
        """End a node without a word, as `kill -9` does; return when it has ended."""
        process = _process(_known(self._read(), name))
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
        with self._held() as state:
            running = {name: _process(node) for name, node in state["nodes"].items()}
            running = {name: process for name, process in running.items() if process.state() != STOPPED}
            _end(list(running.values()), grace)
        return list(running)

    # How it is done

    def _place(self, state: dict[str, Any], names: list[str]) -> None:
        """Give each node its ports: those it had, where they are free; others only while no neighbour knows them."""
        nodes = state["nodes"]
        for name in names:
            node = nodes.get(name)
            if node and _process(node).state() != STOPPED:
                continue
            kind, number = _kind(name), _number(name)
            wanted, preferred = (
                _nth(ports.get(kind, 0), number) for ports in (self._options.ports, self._options.preferred)
            )
            used = {port for other in nodes.values() for port in (other["port"], other["peer"])}
            if node:
                asked_elsewhere = wanted and wanted != node["port"]
                if not asked_elsewhere and is_free(node["port"]) and is_free(node["peer"]):
                    continue
                if any(_kind(other) == kind and _process(nodes[other]).state() != STOPPED for other in nodes):
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
            process = _process(state["nodes"][name])
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
            server, process = self._server(state, name, together=names), _process(state["nodes"][name])
            settled = partial(_settled, server, process)
            if not await_that(settled, START - (time.monotonic() - begun)):
                raise StackError(f"{name} has not answered within {START:.0f} seconds; see {self.log(name)}")
            if process.state() == STOPPED:
                raise StackError(f"{name} ended while it started: {_last_words(self.log(name))}; see {self.log(name)}")
            say(f"{name} answers on {self.address(name)} after {time.monotonic() - begun:.0f} s")

    def _server(self, state: dict[str, Any], name: str, together: Iterable[str] = ()) -> Broker | Node:
        node, kind = state["nodes"][name], _kind(name)
        heap = self._options.heaps.get(kind, DEFAULT_HEAP[kind])
        where = {"folder": self.folder / name, "port": node["port"], "peer": node["peer"]}
        if kind == ELASTICSEARCH:
            return Node(**where, heap=heap, environment=self._environment)
        return Broker(
            **where,
            id=_number(name),
            peers={_number(other): known["peer"] for other, known in state["nodes"].items() if _kind(other) == KAFKA},
            fellows=frozenset(_number(other) for other in together if _kind(other) == KAFKA),
            cluster=state["cluster"],
            heap=heap,
            environment=self._environment,
        )

    def _signal(self, name: str, number: signal.Signals, state: str) -> None:
        process = _process(_known(self._read(), name))
        process.send(number)
        if not await_that(lambda: process.state() == state, GRACE):
            raise StackError(f"{name} is {process.state()}, not {state}; see {self.log(name)}")

    @contextlib.contextmanager
    def _held(self) -> Iterator[dict[str, Any]]:
        """Yield what the folder remembers, while nobody else changes it; keep what was changed, come what may."""
        with locked(self.folder / "lock", f"another process changes {self.folder}; waiting for it"):
            state = self._read()
            try:
                yield state
            finally:
                half = self._memory.with_suffix(".part")
                half.write_text(json.dumps(state, indent=2), "utf-8")
                half.replace(self._memory)

    def _read(self) -> dict[str, Any]:
        """Return what the folder remembers, or the memory of a stack that was never started."""
        asked = self._options.brokers
        if not self._memory.exists():
            return {"brokers": asked or 1, "cluster": _cluster_id(), "nodes": {}}
        state: dict[str, Any] = json.loads(self._memory.read_text("utf-8"))
        if asked and asked != state["brokers"]:
            if any((self.folder / f"{KAFKA}-{number}").exists() for number in BROKERS):
                there = f"{self.folder} holds a Kafka of {state['brokers']} broker(s), not {asked}"
                raise StackError(f"{there}; remove it, or set STACK_STATE to another folder")
            state["brokers"] = asked
        return state

    @property
    def _memory(self) -> Path:
        return self.folder / "stack.json"


def _names(state: dict[str, Any]) -> list[str]:
    return [*(f"{KAFKA}-{number}" for number in range(1, state["brokers"] + 1)), ELASTICSEARCH]


def _known(state: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what is remembered of a node that was started before."""
    if name not in _names(state):
        raise StackError(f"there is no {name} here; there are {', '.join(_names(state))}")
    if name not in state["nodes"]:
        raise StackError(f"{name} was never started here; begin with: stack.py up")
    node: dict[str, Any] = state["nodes"][name]
    return node


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _number(name: str) -> int:
    return int(name.partition("-")[2] or 1)


def _nth(port: int, number: int) -> int:
    return port + number - 1 if port else 0


def _process(node: dict[str, Any]) -> Process:
    return Process(node["pid"], node["started"])


def _cluster_id() -> str:
    """Return a new cluster id as Kafka writes it: 22 characters that do not begin like an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return made


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
