"""Real servers for every test here: those that the environment names, or a stack of our own, ended with the run.

A server that cannot be started is an error of each test that asked for it, never a reason to skip one.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy.stack.stack import Options, Stack

HERE = Path(__file__).resolve().parent
KAFKA = "STACK_TEST_KAFKA"
ELASTICSEARCH = "STACK_TEST_ELASTICSEARCH"
# The first test that asks for a server waits for its start, and once in a machine's life for its download.
PATIENCE = 900


# kafka-python leaves a socket that could not connect, since a broker was away, to the garbage collector: no peer, and
# the protocol named, which is how it differs from what else might be left open.
LEFT = r"unclosed <socket\.socket fd=\d+, family=2, type=1, proto=6, laddr=\(.[\d.]+., \d+\)>"


def pytest_configure(config: pytest.Config) -> None:
    """Let tests end brokers although a client of theirs is untidy about it; every other warning stays an error."""
    config.addinivalue_line("filterwarnings", f"ignore:{LEFT}:ResourceWarning")
    # The last of them are collected when pytest has put its own filters away.
    warnings.filterwarnings("ignore", LEFT, ResourceWarning)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test time for a start of the servers, unless it says itself how long it may take."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(PATIENCE))


@contextmanager
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Yield a maker of stacks, each with folder and ports of its own; all are ended with the context."""
    made: list[Stack] = []

    def make(brokers: int = 1) -> Stack:
        made.append(Stack(tmp_path_factory.mktemp("stack"), Options(brokers=brokers)))
        return made[-1]

    try:
        yield make
    finally:
        for stack in made:
            stack.down(grace=2)  # nobody needs the data


@pytest.fixture(scope="session", autouse=True)
def a_polite_end() -> Iterator[None]:
    """Let what ends a run politely (`timeout`, a cancelled job) end its servers as well, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Return a maker of stacks for a test that kills: they are gone when the test is over.

    `make_stack(brokers=3)` starts nothing yet; `up(only="kafka")` does. The rest stands in deploy/stack/servers.py.
    """
    with ended(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="module")
def make_module_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Return the same for stacks that the tests of one file share."""
    with ended(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the stack that the whole run shares: one broker, one node. A test that kills makes one of its own."""
    with ended(tmp_path_factory) as make:
        yield make()


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """Return where a broker answers, as host:port; tests share it, so each takes a topic prefix of its own."""
    if given := os.environ.get(KAFKA):
        return given
    shared: Stack = request.getfixturevalue("stack")
    shared.up(only="kafka")
    return shared.bootstrap


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """Return where a node answers; tests share it, so each takes an index prefix of its own."""
    if given := os.environ.get(ELASTICSEARCH):
        return given
    shared: Stack = request.getfixturevalue("stack")
    shared.up(only="elasticsearch")
    return shared.url
