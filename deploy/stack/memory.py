"""What the folder of a stack remembers: how many brokers, the ports, and the pid and start time of each node."""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.stack import StackError
from deploy.stack.jars import locked
from deploy.stack.process import Process

KAFKA, ELASTICSEARCH = "kafka", "elasticsearch"
State = dict[str, Any]
"""`{"brokers": 1, "cluster": id, "nodes": {name: {"port", "peer", "pid", "started"}}}`, as it stands in stack.json."""


@dataclass(frozen=True)
class Memory:
    """`stack.json` of a folder; `brokers` is the number asked for, 0 for as many as there were."""

    folder: Path
    brokers: int = 0

    def read(self) -> State:
        """Return what is remembered; of a cluster that was never started, as many brokers as are asked for."""
        if not self._file.exists():
            return {"brokers": self.brokers or 1, "cluster": _cluster_id(), "nodes": {}}
        state: State = json.loads(self._file.read_text("utf-8"))
        if self.brokers and not any(kind_of(name) == KAFKA for name in state["nodes"]):
            state["brokers"] = self.brokers
        return state

    def check(self, state: State) -> None:
        """Raise StackError where the data belong to another number of brokers than is asked for."""
        if self.brokers and self.brokers != state["brokers"]:
            there = f"{self.folder} holds a Kafka of {state['brokers']} broker(s), not {self.brokers}"
            raise StackError(f"{there}; remove it when it is down, or set STACK_STATE to another folder")

    @contextlib.contextmanager
    def held(self) -> Iterator[State]:
        """Yield what is remembered while nobody else can change it, and keep what was changed, come what may."""
        with locked(self.folder / "lock", f"another process changes {self.folder}; waiting for it"):
            state = self.read()
            try:
                yield state
            finally:
                half = self._file.with_suffix(".part")
                half.write_text(json.dumps(state, indent=2), "utf-8")
                half.replace(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / "stack.json"


def names_of(state: State) -> list[str]:
    """Return the names of all nodes that belong to a stack."""
    return [*(f"{KAFKA}-{number}" for number in range(1, state["brokers"] + 1)), ELASTICSEARCH]


def known(state: State, name: str) -> dict[str, Any]:
    """Return what is remembered of a node that was started before. Raises StackError where there is none."""
    if name not in names_of(state):
        raise StackError(f"there is no {name} here; there are {', '.join(names_of(state))}")
    if name not in state["nodes"]:
        raise StackError(f"{name} was never started here; begin with: stack.py up")
    node: dict[str, Any] = state["nodes"][name]
    return node


def kind_of(name: str) -> str:
    """Return kafka or elasticsearch."""
    return name.partition("-")[0]


def number_of(name: str) -> int:
    """Return which broker it is, from 1."""
    return int(name.partition("-")[2] or 1)


def process_of(node: dict[str, Any]) -> Process:
    """Return the process that was started last for a node."""
    return Process(node["pid"], node["started"])


def _cluster_id() -> str:
    """Return a new cluster id as Kafka writes it: 22 characters that do not begin like an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return made
