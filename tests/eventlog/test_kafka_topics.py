"""The declared topics, and how what is found is compared with them: decided without a broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest

from heliograph.assembly.replay_letters import REPLAYED
from heliograph.core.event import DEAD_LETTERS, FEEDS, LOG_TOPICS, MATCHES, TOPICS
from heliograph.eventlog.kafka_topics import Spec, config, declared, differences, heard, kept_at_least
from heliograph.settings import RetentionSettings


def test_every_topic_of_the_log_is_declared_and_no_other() -> None:
    assert set(declared()) == {*LOG_TOPICS, REPLAYED}


def test_state_is_compacted_and_events_go_by_age() -> None:
    assert {name for name, spec in declared().items() if spec.compacted} == {FEEDS, TOPICS}
    assert all((spec.retention_days is None) == spec.compacted for spec in declared().values())


def test_one_stage_sees_every_copy_of_a_text() -> None:
    assert declared()[MATCHES].partitions == 1


@pytest.mark.parametrize("name", declared())
def test_every_declaration_gives_its_reason(name: str) -> None:
    assert len(declared()[name].why) > 20


def test_no_broker_forgets_earlier_than_the_settings_by_default() -> None:
    kept = RetentionSettings()
    assert declared()[MATCHES].retention_days == kept.log / timedelta(days=1)
    assert declared()[DEAD_LETTERS].retention_days == kept.dead_letters / timedelta(days=1)


def test_longer_settings_lengthen_the_broker_s_retention_and_shorter_ones_do_not_shorten_it() -> None:
    changed = kept_at_least(declared(), {MATCHES: timedelta(days=30), DEAD_LETTERS: timedelta(days=1)})
    assert changed[MATCHES].retention_days == 30
    assert changed[DEAD_LETTERS].retention_days == 90
    assert kept_at_least(declared(), {FEEDS: timedelta(days=1)})[FEEDS].retention_days is None


@pytest.mark.parametrize(("replication", "insync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_one_copy_may_always_be_away(replication: int, insync: str) -> None:
    assert config(declared()[MATCHES], replication)["min.insync.replicas"] == insync


def test_a_topic_as_declared_differs_in_nothing() -> None:
    for spec in declared().values():
        assert list(differences("t", spec, spec.partitions, 3, config(spec, 3))) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cleanup.policy", "compact", "cleanup.policy is compact instead of delete"),
        ("retention.ms", "1000", "retention.ms is 1000, less than 1209600000"),
        ("min.insync.replicas", "1", "min.insync.replicas is 1, less than 2"),
        ("max.message.bytes", "1048588", "max.message.bytes is 1048588, less than 8388608"),
    ],
)
def test_each_shortcoming_is_a_line(key: str, value: str, said: str) -> None:
    spec = declared()[MATCHES]
    assert list(differences("heliograph.matches", spec, 1, 3, config(spec, 3) | {key: value})) == [
        f"heliograph.matches: {said}"
    ]


@pytest.mark.parametrize(("key", "value"), [("retention.ms", "-1"), ("max.message.bytes", "99999999")])
def test_more_than_declared_is_no_shortcoming(key: str, value: str) -> None:
    spec = declared()[MATCHES]
    assert list(differences("t", spec, 1, 3, config(spec, 3) | {key: value})) == []


def test_a_state_that_would_be_forgotten_is_said() -> None:
    spec = declared()[FEEDS]
    found = config(spec, 1) | {"retention.ms": "604800000"}
    assert list(differences("feeds", spec, 12, 1, found)) == ["feeds: retention.ms is 604800000, less than -1"]


def test_other_partitions_are_said() -> None:
    spec = declared()[MATCHES]
    assert list(differences("t", spec, 6, 1, config(spec, 1))) == ["t: 6 partitions instead of 1"]


def test_a_misspelt_declaration_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="partition"):
        msgspec.convert({"partition": 1}, Spec)


def test_what_one_broker_has_not_heard_of_the_next_is_asked() -> None:
    answers = iter([{}, {"a": 1}, {"b": 2}])
    asked: list[list[str]] = []

    def ask(left: Iterable[str]) -> dict[str, int]:
        asked.append(list(left))
        return next(answers)

    assert heard(ask, ["a", "b"]) == {"a": 1, "b": 2}
    assert asked == [["a", "b"], ["a", "b"], ["b"]]


def test_what_no_broker_knows_is_given_up() -> None:
    assert heard(lambda left: {"a": 1} if "a" in left else {}, ["a", "b"], patience=0.25) == {"a": 1}


def test_of_nothing_nobody_is_asked() -> None:
    assert heard(lambda left: pytest.fail(f"asked for {left}"), []) == {}
