"""kill -9 between sending and recording: every alert arrives, each under one id."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from msgspec.structs import replace

import heliograph
from heliograph.alert.format import sample_alert
from heliograph.alert.history_sqlite import SqliteHistory
from heliograph.alert.port import Delivery, Find, Status

SECRET = "whsec_" + base64.b64encode(b"a key of these tests, 32 bytes..").decode()
ALERTS = 120
KILLS = 20
SEED = 20_261_102


@pytest.mark.slow
def test_twenty_kills_between_send_and_record_lose_no_alert(receiver: Any, answer: Any, tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    store = SqliteHistory(path)
    start = datetime.now(UTC)
    messages = []
    for number in range(ALERTS):
        alert = replace(sample_alert("desk", start + timedelta(microseconds=number)), created=start)
        messages.append(Delivery(alert=alert, status=Status.PENDING, due=start))
    assert all(store.claim(messages))

    chance = random.Random(SEED)
    kill_at = set(chance.sample(range(1, ALERTS), KILLS))
    lock = threading.Lock()
    child: list[subprocess.Popen[bytes]] = []
    numbers = iter(range(10**6))
    killed: list[int] = []

    def script(_request: Any) -> Any:
        with lock:
            number = next(numbers)
            if number not in kill_at:
                return answer()
            killed.append(number)
            # The message is here and the sender does not know it yet; it dies now.
            return answer(before=lambda pid=child[-1].pid: os.kill(pid, signal.SIGKILL))

    receiver.answer = script
    source = str(Path(heliograph.__file__).parents[1])
    command = [sys.executable, str(Path(__file__).with_name("delivering_child.py")), str(path), receiver.url, SECRET]
    delivered = Find(statuses=(Status.DELIVERED,), limit=1)
    while store.find(delivered).total < ALERTS:
        with lock:
            child.append(subprocess.Popen(command, env={"PYTHONPATH": source}))
        while child[-1].poll() is None and store.find(delivered).total < ALERTS:
            receiver.closing.wait(0.02)
        assert len(child) <= KILLS + 1, "a delivering process ended by itself"
        child[-1].kill()
        child[-1].wait()

    arrived = Counter(request.id for request in receiver.requests)
    assert set(arrived) == {delivery.id for delivery in messages}
    # The test bites: each kill made a message come again, under the id that it had.
    assert len(killed) == KILLS
    assert sum(arrived.values()) >= ALERTS + KILLS
    library = standardwebhooks.Webhook(SECRET)
    bodies = {
        (request.id, library.verify(request.body, request.headers)["data"]["alert"]) for request in receiver.requests
    }
    assert len(bodies) == ALERTS
    assert store.pragma("integrity_check") == "ok"
    store.close()
