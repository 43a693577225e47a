from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys

import pytest
import structlog

from heliograph.runtime.logs import configure_logs, hide_secrets


def test_secrets_are_hidden_under_telling_keys_and_inside_text() -> None:
    out = io.StringIO()
    configure_logs(form="json", to=out)
    structlog.get_logger("t").info(
        "sent", secret="abc", url="https://user:pw@host/x?token=t0p", note="signed with whsec_AAAA= and Bearer xyz"
    )
    line = json.loads(out.getvalue())
    text = out.getvalue()
    assert line["secret"] == "[hidden]"
    for planted in ("abc", "user:pw", "t0p", "whsec_AAAA", "xyz"):
        assert planted not in text


def test_text_without_secrets_is_left_alone() -> None:
    assert hide_secrets("https://host/a?page=2 mail@example.org") == "https://host/a?page=2 mail@example.org"


def test_records_of_the_standard_library_take_the_same_way_out() -> None:
    out = io.StringIO()
    configure_logs(form="json", to=out)
    logging.getLogger("lib").warning("retrying https://user:pw@%s/", "host")
    line = json.loads(out.getvalue())
    assert line["event"] == "retrying https://[hidden]@host/"
    assert line["level"] == "warning"


def test_stderr_that_was_closed_or_exchanged_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, read = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", closed)
    configure_logs(form="json")
    closed.close()
    structlog.get_logger("t").warning("nobody hears")
    monkeypatch.setattr("sys.stderr", read)
    structlog.get_logger("t").warning("somebody does", count=2)
    (line,) = map(json.loads, read.getvalue().splitlines())
    assert (line["event"], line["count"], line["level"]) == ("somebody does", 2, "warning")


def test_a_reader_of_stderr_that_went_away_stops_nobody() -> None:
    code = (
        "import structlog; from heliograph.runtime.logs import configure_logs\n"
        "configure_logs(); log = structlog.get_logger('t')\n"
        "for number in range(3): log.warning('x' * 100_000)\n"
        "print('went on')"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, check=True)
    os.close(writing)
    assert done.stdout == b"went on\n"
