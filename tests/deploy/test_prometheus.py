"""The alert rules: each fires when it should and is quiet when it should, and asks for nothing that is not measured."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from tests.deploy.parts import DEPLOY, tool
from tests.docs.pages_code import families

from heliograph.fetch.decide import Reason
from heliograph.runtime.metrics import Metrics

RULES = DEPLOY / "prometheus/rules/heliograph.yml"
BAD_POLLS = {Reason.ASKED_TO_WAIT, Reason.NOT_FOUND, Reason.GONE, Reason.BACKING_OFF}
UP = 'up{job="heliograph",service="detect",instance="a:8478"}'
POLLS = "heliograph_polls_total"
SENT = "heliograph_delivery_attempts_total"


def lateness(point: str, fast: str, slow: str) -> dict[str, str]:
    """Return a histogram in which `fast` take less than a second and `slow` as long as five minutes."""
    name = f'heliograph_fetched_to_point_seconds_bucket{{point="{point}",le="'
    return {f'{name}1"}}': fast, f'{name}300"}}': slow, f'{name}+Inf"}}': slow}


@dataclass(frozen=True)
class Case:
    """Values of series, a minute apart (`0+5x60`: 60 times 5 more), that make a rule fire, and that do not."""

    fires: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    after: int = 60
    """Minutes."""


CASES = {
    ("HeliographDown", "critical"): Case(
        {UP: "1x50 0x20"}, {UP: "1x58 0x1 1x10"}, {"job": "heliograph", "service": "detect", "instance": "a:8478"}
    ),
    ("HeliographUnseen", "critical"): Case({'up{job="other"}': "1x60"}, {UP: "1x60"}, {"job": "heliograph"}),
    ("HeliographTaskDown", "critical"): Case(
        {'heliograph_task_up{service="alert",instance="a:8478",task="deliver"}': "1x50 0x20"},
        {'heliograph_task_up{service="alert",instance="a:8478",task="deliver"}': "1x57 0 1x20"},
        {"service": "alert", "instance": "a:8478", "task": "deliver"},
    ),
    ("HeliographTaskKeepsDying", "warning"): Case(
        {'heliograph_task_restarts_total{service="alert",task="deliver"}': "0+1x60"},
        {'heliograph_task_restarts_total{service="alert",task="deliver"}': "0x55 2x60"},
        {"service": "alert", "task": "deliver"},
    ),
    ("HeliographVersionsDiffer", "warning"): Case(
        {'heliograph_build_info{version="1"}': "1x90", 'heliograph_build_info{version="2"}': "1x90"},
        {'heliograph_build_info{version="1",instance="a"}': "1x90", 'heliograph_build_info{version="1"}': "1x90"},
        after=90,
    ),
    ("HeliographStageStalled", "critical"): Case(
        {'heliograph_stage_stalled{stage="detect"}': "0x50 1x20"},
        {'heliograph_stage_stalled{stage="detect"}': "0x60"},
        {"stage": "detect"},
    ),
    ("HeliographBehind", "warning"): Case(
        {'heliograph_stage_lag_seconds{stage="detect"}': "301x60"},
        {'heliograph_stage_lag_seconds{stage="detect"}': "299x60"},
        {"stage": "detect"},
    ),
    ("HeliographBehind", "critical"): Case(
        {'heliograph_stage_lag_seconds{stage="detect"}': "3601x60"},
        {'heliograph_stage_lag_seconds{stage="detect"}': "3600x57 3700x2 0x10"},
        {"stage": "detect"},
    ),
    ("HeliographDeadLetters", "warning"): Case(
        {'heliograph_dead_letters_total{stage="detect",reason="stage-error"}': "0+1x60"},
        {'heliograph_dead_letters_total{stage="detect",reason="stage-error"}': "0+1x40 40x60"},
        {"stage": "detect", "reason": "stage-error"},
    ),
    ("HeliographSearchLate", "warning"): Case(
        lateness("indexed", "0+9x60", "0+10x60"), lateness("indexed", "0+10x60", "0+10x60")
    ),
    ("HeliographNothingPolled", "critical"): Case(
        {f'{POLLS}{{outcome="new-items"}}': "0+1x30 30x200"},
        {f'{POLLS}{{outcome="new-items"}}': "0+1x230"},
        after=200,
    ),
    ("HeliographFeedsFail", "critical"): Case(
        {f'{POLLS}{{outcome="new-items"}}': "0+1x120", f'{POLLS}{{outcome="timeout"}}': "0+2x120"},
        {f'{POLLS}{{outcome="not-modified"}}': "0+2x120", f'{POLLS}{{outcome="timeout"}}': "0+1x120"},
        after=110,
    ),
    ("HeliographNoNews", "warning"): Case(
        {'heliograph_articles_total{kind="fresh"}': "5x1600", f'{POLLS}{{outcome="not-modified"}}': "0+1x1600"},
        {'heliograph_articles_total{kind="fresh"}': "5x900 6x700", f'{POLLS}{{outcome="not-modified"}}': "0+1x1600"},
        after=1600,
    ),
    ("HeliographChannelFails", "warning"): Case(
        {
            f'{SENT}{{channel="desk",outcome="delivered"}}': "0+1x60",
            f'{SENT}{{channel="desk",outcome="timeout"}}': "0+2x60",
        },
        {
            f'{SENT}{{channel="desk",outcome="delivered"}}': "0+2x60",
            f'{SENT}{{channel="desk",outcome="timeout"}}': "0+1x60",
        },
        {"channel": "desk"},
    ),
    ("HeliographChannelDead", "critical"): Case(
        {
            f'{SENT}{{channel="desk",outcome="delivered"}}': "7x150",
            f'{SENT}{{channel="desk",outcome="timeout"}}': "0+1x150",
        },
        {
            f'{SENT}{{channel="desk",outcome="delivered"}}': "7x100 8x50",
            f'{SENT}{{channel="desk",outcome="timeout"}}': "0+1x150",
        },
        {"channel": "desk"},
        after=140,
    ),
    ("HeliographAlertsLate", "warning"): Case(
        lateness("delivered", "0+9x60", "0+10x60"), lateness("delivered", "0+10x60", "0+10x60")
    ),
    ("HeliographPagesFail", "warning"): Case(
        {
            'heliograph_http_requests_total{route="/",method="GET",status="200"}': "0+10x60",
            'heliograph_http_requests_total{route="/",method="GET",status="503"}': "0+1x60",
        },
        {
            'heliograph_http_requests_total{route="/",method="GET",status="200"}': "0+10x60",
            'heliograph_http_requests_total{route="/",method="GET",status="404"}': "0+9x60",
        },
    ),
}


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(RULES.read_text("utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def rule_of(name: str, severity: str) -> dict[str, Any]:
    [found] = [rule for rule in rules() if (rule["alert"], rule["labels"]["severity"]) == (name, severity)]
    return found


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = tool("promtool", package="prometheus")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=100)


def test_promtool_takes_the_files() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("check", "config", str(DEPLOY / "prometheus/prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_names_of_our_metrics() -> None:
    program = tool("promtool", package="prometheus")
    # Our own gauges and counters alone: the samples of `_created` and `_info` are named by the client library.
    text = "".join(
        line
        for line in generate_latest(Metrics().registry).decode().splitlines(keepends=True)
        if "_created" not in line and "_info" not in line
    )
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_rule_has_its_cases_and_every_case_its_rule() -> None:
    assert sorted((rule["alert"], rule["labels"]["severity"]) for rule in rules()) == sorted(CASES)


@pytest.mark.parametrize("fires", [True, False], ids=["fires", "quiet"])
@pytest.mark.parametrize(("name", "severity"), CASES)
def test_a_rule_fires_when_it_should_and_only_then(name: str, severity: str, fires: bool, tmp_path: Path) -> None:
    case, rule = CASES[name, severity], rule_of(name, severity)
    annotations = {
        key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: case.labels[found[1]], text)
        for key, text in rule["annotations"].items()
    }
    labels = {"severity": severity, **case.labels}
    # The rule by itself: another of its name would speak too.
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "one", "rules": [rule]}]}))
    wanted = [{"exp_labels": labels, "exp_annotations": annotations}] if fires else []
    series = case.fires if fires else case.quiet
    trial = {
        "interval": "1m",
        "input_series": [{"series": what, "values": values} for what, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{case.after}m", "alertname": name, "exp_alerts": wanted}],
    }
    told = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [trial]}
    (tmp_path / "test.yml").write_text(json.dumps(told))
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_asks_for_what_is_not_measured_would_be_found() -> None:
    assert unknown("heliograph_stage_lag_seconds > 1 and heliograph_http_requests_total > 2") == set()
    assert unknown("heliograph_stage_lag > 1") == {"heliograph_stage_lag"}
    assert unknown("sum(rate(heliograph_polls[5m]))") == {"heliograph_polls"}


@pytest.mark.parametrize(("name", "severity"), CASES)
def test_a_rule_asks_for_nothing_that_is_not_measured(name: str, severity: str) -> None:
    assert unknown(rule_of(name, severity)["expr"]) == set()


@pytest.mark.parametrize(("name", "severity"), CASES)
def test_a_rule_says_what_is_wrong_and_what_to_do(name: str, severity: str) -> None:
    rule = rule_of(name, severity)
    assert rule["annotations"].keys() == {"summary", "action"}
    assert severity in ("warning", "critical")


def test_the_outcomes_that_count_as_an_answer_are_those_that_are() -> None:
    [listed] = re.findall(r'outcome=~"([^"]+)"', rule_of("HeliographFeedsFail", "critical")["expr"])
    assert set(listed.split("|")) == {reason.value for reason in Reason if reason not in BAD_POLLS}


def unknown(expression: str) -> set[str]:
    """Return the names in an expression that begin as ours do, and that nothing exposes."""
    exposed = {name for name, kind, _, _ in families() if kind != "histogram"}
    parts = ("_bucket", "_sum", "_count")
    exposed |= {f"{name}{part}" for name, kind, _, _ in families() if kind == "histogram" for part in parts}
    return set(re.findall(r"\bheliograph_\w+", expression)) - exposed
