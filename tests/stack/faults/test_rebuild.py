"""Emptied indexes are rebuilt from the log by the command line, while everything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stack.faults.audit import audit, settle
from tests.stack.faults.newsroom import Newsroom

from heliograph.index.port import Search

NAMES = ("archive", "flagged")
FIRST, LATER = 400, 100


def ids(room: Newsroom, name: str) -> list[str]:
    return sorted(document.article.id for document in room.cluster.index(name).walk(Search()))


def replay(room: Newsroom) -> dict[str, dict[str, int]]:
    """Run `heliograph replay --to index` on the room's servers; return what it says of each index."""
    settings = room.settings
    given = {
        "TIER": "distributed",
        "DATA": str(settings.data),
        "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "ELASTICSEARCH__URL": settings.elasticsearch.url,
        "ELASTICSEARCH__INDEX_PREFIX": settings.elasticsearch.index_prefix,
    }
    present = os.environ.items()  # noqa: TID251 - handed on but for what concerns Heliograph
    environment = {name: value for name, value in present if not name.startswith("HELIOGRAPH_")}
    environment |= {f"HELIOGRAPH_{name}": value for name, value in given.items()}
    command = [sys.executable, "-m", "heliograph", "replay", "--to", "index", "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return {row["index"]: row for row in json.loads(done.stdout)}


@pytest.mark.timeout(900)
def test_emptied_indexes_are_rebuilt_from_the_log_to_the_same_ids(
    kafka_bootstrap: str, elasticsearch_url: str, tmp_path: Path
) -> None:
    with Newsroom(tmp_path, kafka_bootstrap, elasticsearch_url) as room:
        room.feeder.release(FIRST)
        settle(room, 180, finished=False)
        before = {name: ids(room, name) for name in NAMES}
        assert len(before["archive"]) == FIRST
        for name in NAMES:
            for index in room.cluster.behind(name):
                room.cluster.ask("DELETE", index)
        told = replay(room)
        assert {name: ids(room, name) for name in NAMES} == before
        assert {name: row["refused"] for name, row in told.items()} == dict.fromkeys(NAMES, 0)
        # The services that ran all the while go on in what was made anew, and nobody was alerted again.
        room.feeder.release(LATER)
        settle(room, 180)
        assert audit(room)["wrong"] == []
