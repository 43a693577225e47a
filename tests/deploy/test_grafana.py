"""The dashboard, as far as it can be held to the program without Grafana."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.parts import DEPLOY, compose, tool
from tests.docs.pages_code import families

GRAFANA = DEPLOY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/heliograph.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
# What Prometheus adds to every series, and what a histogram's buckets carry.
SURROUNDING = {"service", "instance", "job", "le"}


def expressions() -> list[str]:
    return [target["expr"].replace("$__rate_interval", "5m") for _, target in TARGETS]


def exposed() -> dict[str, set[str]]:
    """Return the labels of everything that can be asked for, by name."""
    found = {"up": set[str]()}
    for name, kind, labels, _ in families():
        for part in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[f"{name}{part}"] = {*labels} | ({"version"} if kind == "info" else set())
    return found


def test_every_expression_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    program = tool("promtool", package="prometheus")
    rules = [{"record": f"panel:{number}", "expr": told} for number, told in enumerate(expressions())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [program, "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize(("title", "target"), TARGETS, ids=[f"{title}-{one['refId']}" for title, one in TARGETS])
def test_a_panel_asks_for_what_the_program_exposes(title: str, target: dict[str, Any]) -> None:
    names = set(re.findall(r"\b(?:heliograph_\w+|up)\b", target["expr"]))
    known = exposed()
    assert names, title
    assert names <= known.keys()
    labels = set().union(*(known[name] for name in names)) | SURROUNDING
    grouped = {label for found in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in found.split(", ")}
    chosen = {label for found in re.findall(r"\{([^}]*)\}", target["expr"]) for label in re.findall(r"(\w+)=", found)}
    assert grouped | chosen <= labels
    # A legend that names a label which the expression has summed away stays empty.
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= grouped


def test_every_metric_of_the_program_is_drawn() -> None:
    drawn = " ".join(expressions())
    assert [name for name, _, _, _ in families() if name not in drawn] == []


def test_panels_stand_side_by_side_and_each_says_what_it_shows() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above
    for panel in PANELS:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_data_source_and_the_folder_are_those_provisioned() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text("utf-8"))["datasources"]
    asked = {panel["datasource"]["uid"] for panel in PANELS} | {one["datasource"]["uid"] for _, one in TARGETS}
    assert asked == {source["uid"] for source in sources}
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/heliograph.yaml").read_text("utf-8"))["providers"]
    mounted = {volume["target"]: volume["source"] for volume in compose()["services"]["grafana"]["volumes"]}
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"
