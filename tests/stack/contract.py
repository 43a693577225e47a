"""The contract suites of `tests/contract`, held against real servers.

A suite names its port by one fixture (`log`, `store`, `index`, `ledger`, ...), parametrised over the adapters that need
no server. A file here gives that fixture another body, and takes over every claim:

    from tests.contract import test_eventlog as suite
    from tests.stack.contract import claims

    globals().update(claims(suite, "log"))

    @pytest.fixture
    def log(kafka_bootstrap: str, clock: Clock) -> Iterator[EventLog]: ...

A claim added to the suite is held against the servers without another line.
"""

from __future__ import annotations

import inspect
from types import ModuleType


def claims(suite: ModuleType, port: str) -> dict[str, object]:
    """Return what a suite says of its port, by name: each test that is given it, and every other fixture of the suite.

    Tests that are not given the port (of one adapter's file format, say) stay where they are. Raises LookupError where
    nothing is left: a suite that has renamed its fixture must not pass by saying nothing.
    """
    kind = type(getattr(suite, port, None))
    fixtures = {name: made for name, made in vars(suite).items() if isinstance(made, kind) and made is not None}
    tests = {
        name: test
        for name, test in vars(suite).items()
        if name.startswith("test_") and inspect.isfunction(test) and _given(test, port, fixtures)
    }
    if not tests:
        raise LookupError(f"{suite.__name__} claims nothing of a fixture {port}")
    return {**tests, **{name: made for name, made in fixtures.items() if name != port}}


def _given(asks: object, port: str, fixtures: dict[str, object]) -> bool:
    """Return whether a test or fixture is handed the port, by itself or through another fixture of the suite."""
    assert callable(asks)
    names = set(inspect.signature(asks).parameters)
    return port in names or any(_given(fixtures[name], port, fixtures) for name in names & fixtures.keys())
