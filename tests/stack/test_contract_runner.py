"""Every promise of `heliograph.runtime.stage.Runner`, kept by both runners over Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from tests.contract import test_runner as suite
from tests.contract.runners import QUICK, Under
from tests.stack.contract import claims
from tests.stack.kafka import kafka_log, kafka_settings

from heliograph.runtime.both import MakeRunner
from heliograph.runtime.faust import FaustRunner
from heliograph.runtime.poll import PollRunner

globals().update(claims(suite, "under"))


@pytest.fixture(params=["poll", "faust"])
def under(request: pytest.FixtureRequest, kafka_bootstrap: str) -> Iterator[Under]:
    access = kafka_settings(kafka_bootstrap)
    made: dict[str, MakeRunner] = {
        "poll": partial(PollRunner, backoff=QUICK),
        "faust": partial(FaustRunner, kafka=access, backoff=QUICK),
    }
    with kafka_log(kafka_bootstrap, settings=access) as log:
        yield Under(log, made[request.param], shares=True)
