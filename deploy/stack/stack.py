"""Start, stop and look at real Kafka and Elasticsearch on this machine.

NAME is kafka-1 (to kafka-3) or elasticsearch. Settings are read from the environment; README.md lists them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __package__ in (None, ""):  # started as a file: its neighbours are found from the checkout
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from deploy.stack import StackError, broker, jars, jdk, node
from deploy.stack.jars import default_environment, say
from deploy.stack.memory import ELASTICSEARCH, KAFKA
from deploy.stack.process import STOPPED
from deploy.stack.servers import Options, Stack

__all__ = ["Options", "Stack", "StackError", "main", "options"]

PREFERRED = {KAFKA: 9092, ELASTICSEARCH: 9200}  # where Heliograph looks by itself
CHECKOUT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return its exit code: 0, 1 for a stack that does not run whole, 2 for an error."""
    given = _parser().parse_args(arguments)
    environment = default_environment()
    try:
        state = environment.get("STACK_STATE") or CHECKOUT / "var" / "stack"
        stack = Stack(Path(state), options(environment), environment)
        return _do(stack, given, environment)
    except (StackError, OSError) as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; what was started goes on, and is ended by: stack.py down")
        return 130


def options(environment: Mapping[str, str]) -> Options:
    """Return what the environment chooses. Raises StackError naming a variable that makes no sense."""

    def read(name: str, pattern: str, wanted: str) -> str:
        value = environment.get(name, "")
        if value and not re.fullmatch(pattern, value):
            raise StackError(f"{name}={value!r} is not {wanted}")
        return value

    brokers = read("STACK_BROKERS", "[13]", "1 or 3")
    ports = {kind: read(f"STACK_{kind.upper()}_PORT", "[0-9]{1,5}", "a port") for kind in (KAFKA, ELASTICSEARCH)}
    heaps = {kind: read(f"STACK_{kind.upper()}_HEAP", "[0-9]+[kmg]", "such as 512m") for kind in (KAFKA, ELASTICSEARCH)}
    return Options(
        brokers=int(brokers or 0),
        ports={kind: int(port) for kind, port in ports.items() if port},
        preferred=PREFERRED,
        heaps={kind: heap for kind, heap in heaps.items() if heap},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stack.py", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start what does not run, and wait until it answers")
    up.add_argument("--only", choices=(KAFKA, ELASTICSEARCH), default="", help="one of the two")
    status = verbs.add_parser("status", help="say what runs where")
    for shows in (up, status):
        shows.add_argument("--json", action="store_true", help="for programs")
    verbs.add_parser("down", help="end all; data stay")
    verbs.add_parser("check", help="say whether this machine has what it takes: Java 17 and 21, Maven")
    for verb, does in (
        ("start", "start one node where it was before"),
        ("stop", "end one node"),
        ("pause", "SIGSTOP: it keeps its connections and answers nobody"),
        ("resume", "SIGCONT"),
    ):
        one = verbs.add_parser(verb, help=does)
        one.add_argument("name", metavar="NAME")
        if verb == "stop":
            one.add_argument("--kill", action="store_true", help="without a word, as kill -9")
    return parser


def _do(stack: Stack, given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if given.verb == "up":
        stack.up(given.only)
        _show(stack, given.json)
    elif given.verb == "status":
        _show(stack, given.json)
        nodes = stack.status()
        return int(not nodes or any(found["state"] == STOPPED for found in nodes.values()))
    elif given.verb == "check":
        say(f"Kafka would run on {jdk.find(broker.JAVA, 'Kafka', environment)}")
        say(f"Elasticsearch would run on {jdk.find(node.JAVA, 'Elasticsearch', environment, compiler=True)}")
        say(f"both would be fetched by {jars.maven(environment)} into {jars.cache(environment)}")
    elif given.verb == "down":
        ended = stack.down()
        say(f"ended {', '.join(ended)}; data stay in {stack.folder}" if ended else "nothing runs")
    elif given.verb == "stop" and given.kill:
        stack.kill(given.name)
    else:
        getattr(stack, given.verb)(given.name)
    return 0


def _show(stack: Stack, as_json: bool) -> None:
    """Print where the nodes are: the settings for a shell on stdout, the rest for a person on stderr; or one JSON."""
    nodes = stack.status()
    settings = {}
    if any(name != ELASTICSEARCH for name in nodes):
        settings["HELIOGRAPH_KAFKA__BOOTSTRAP"] = stack.bootstrap
    if ELASTICSEARCH in nodes:
        settings["HELIOGRAPH_ELASTICSEARCH__URL"] = stack.url
    if as_json:
        print(json.dumps({"folder": str(stack.folder), "nodes": nodes, "settings": settings}))
        return
    for name, found in nodes.items():
        say(f"{name:13} {found['state']:8} {found['address']:16} pid {found['pid']}")
    say(f"data and logs in {stack.folder}" if nodes else "nothing was started here; begin with: stack.py up")
    for name, value in settings.items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    sys.exit(main())
