from __future__ import annotations

import io
import json
import logging

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
