"""The manifests, built as a cluster would get them and held against Kubernetes' schemas, the program and our own rules.

Nothing is applied: that needs a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.deploy.manifests import Built, Manifest, config, labels, of, ours, pod, selects, soft, workloads
from tests.deploy.parts import DEPLOY, KUBERNETES, OVERLAYS, PORTS, ROOT, accepted, compose, files_named

from heliograph import __version__
from heliograph.compose import SERVICES

VERSION = kubernetes_validate.latest_version()
# Kinds that operators bring; their schemas come with the operators and are not here.
FOREIGN: dict[str, set[str]] = {
    "embedded": set(),
    "distributed": {"Kafka", "KafkaNodePool", "Elasticsearch", "Kibana"},
    "dev": set(),
}


def test_every_manifest_is_what_kubernetes_takes(overlay: str, manifests: list[Manifest]) -> None:
    assert {
        one["kind"] for one in manifests if "." in one["apiVersion"] and ".k8s.io/" not in one["apiVersion"]
    } == FOREIGN[overlay]
    known = [one for one in manifests if one["kind"] not in FOREIGN[overlay]]
    assert len(known) > 10
    for one in known:
        kubernetes_validate.validate(one, VERSION, strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "heliograph", one["metadata"]


def test_a_manifest_that_is_wrong_would_be_found(built: Built) -> None:
    web = ours(built("dev"))["web"]
    web["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(web, VERSION, strict=True)


def test_no_container_is_soft(manifests: list[Manifest]) -> None:
    assert [said for one in workloads(manifests).values() for said in soft(one)] == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("containers", 0, "resources", "limits"), {"cpu": "1"}, "limits"),
        (("containers", 0, "securityContext", "readOnlyRootFilesystem"), False, "root file system"),
        (("containers", 0, "securityContext", "capabilities"), {}, "privileges"),
        (("containers", 0, "image"), "heliograph:latest", "image"),
        (("containers", 0, "readinessProbe", "httpGet", "path"), "/livez", "probes ask"),
        (("securityContext", "runAsNonRoot"), False, "runs as root"),
        (("automountServiceAccountToken",), True, "token"),
        (("enableServiceLinks",), True, "variables"),
    ],
)
def test_what_is_soft_would_be_found(path: Sequence[Any], value: object, said: str, built: Built) -> None:
    detect = ours(built("distributed"))["detect"]
    inner = pod(detect)
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert any(said in complaint for complaint in soft(detect))


def test_there_is_a_workload_for_each_service_of_this_version(overlay: str, manifests: list[Manifest]) -> None:
    told = {name: pod(one)["containers"][0] for name, one in ours(manifests).items()}
    expected = {"heliograph": ["run"]} if overlay == "embedded" else {name: ["run", name] for name in SERVICES}
    assert {name: container["args"] for name, container in told.items()} == expected
    tag = "dev" if overlay == "dev" else __version__
    assert {container["image"] for container in told.values()} == {f"heliograph:{tag}"}


def test_ports_are_those_of_the_program_and_every_service_leads_to_one(manifests: list[Manifest]) -> None:
    pages, probes = PORTS
    ports: dict[str, dict[str, int]] = {}
    for name, one in workloads(manifests).items():
        named = pod(one)["containers"][0]["ports"]
        ports[name] = {port["name"]: port["containerPort"] for port in named}
    for name, one in ours(manifests).items():
        serves = labels(one).get("heliograph/pages") == "true"
        assert ports[name] == {"probes": probes, **({"pages": pages} if serves else {})}
        container = pod(one)["containers"][0]
        for kind in ("liveness", "readiness"):
            assert container[f"{kind}Probe"]["httpGet"]["port"] == ("pages" if serves else "probes")
    for name, service in of(manifests, "Service").items():
        behind = [
            one for one in workloads(manifests).values() if selects({"matchLabels": service["spec"]["selector"]}, one)
        ]
        assert len(behind) == 1, name
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports[behind[0]["metadata"]["name"]], name


def test_prometheus_finds_every_workload_by_a_headless_service(manifests: list[Manifest]) -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    names = {name for job in jobs for lookup in job.get("dns_sd_configs", []) for name in lookup["names"]}
    found = of(manifests, "Service")
    for workload in ours(manifests).values():
        leading = [
            service
            for name, service in found.items()
            if name in names and selects({"matchLabels": service["spec"]["selector"]}, workload)
        ]
        assert [service["spec"]["clusterIP"] for service in leading] == ["None"]
        assert [port["port"] for port in leading[0]["spec"]["ports"]] == [PORTS[1]]


def test_the_program_takes_the_settings_and_finds_the_files_that_they_name(
    overlay: str, manifests: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = config(manifests)
    for name, one in ours(manifests).items():
        container = pod(one)["containers"][0]
        variables = {entry["name"]: entry.get("value", name) for entry in container["env"]}
        settings = accepted(text, variables, tmp_path, monkeypatch)
        assert settings.tier == ("embedded" if overlay == "embedded" else "distributed")
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert str(Path(variables["HELIOGRAPH_CONFIG"]).parent) in mounts
        assert {"/data", "/data/topics", "/data/concepts", "/tmp"} <= set(mounts)
        for file in files_named(text):
            assert any(Path(file).is_relative_to(mount) for mount in mounts), f"{name}: {file}"
        volumes = {volume["name"] for volume in pod(one)["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_the_settings_of_dev_lead_to_its_broker_and_its_node(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = built("dev")
    settings = accepted(config(manifests), {}, tmp_path, monkeypatch)
    known = {
        f"{name}:{port['port']}" for name, one in of(manifests, "Service").items() for port in one["spec"]["ports"]
    }
    assert {settings.kafka.bootstrap, settings.elasticsearch.url.removeprefix("http://")} <= known
    broker = pod(workloads(manifests)["kafka"])["containers"][0]["env"]
    told = {entry["name"]: entry["value"] for entry in broker}
    assert told["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{settings.kafka.bootstrap}"


def test_the_settings_of_the_cluster_lead_to_what_the_operators_make(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = built("distributed")
    settings = accepted(config(manifests), {}, tmp_path, monkeypatch)
    [kafka], [pool] = of(manifests, "Kafka").values(), of(manifests, "KafkaNodePool").values()
    [listener] = kafka["spec"]["kafka"]["listeners"]
    assert settings.kafka.bootstrap == f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"
    assert pool["metadata"]["labels"]["strimzi.io/cluster"] == kafka["metadata"]["name"]
    assert (
        pool["spec"]["replicas"] >= settings.kafka.replication > kafka["spec"]["kafka"]["config"]["min.insync.replicas"]
    )
    [node], [kibana] = of(manifests, "Elasticsearch").values(), of(manifests, "Kibana").values()
    name = node["metadata"]["name"]
    assert settings.elasticsearch.url == f"https://{name}-es-http:9200"
    assert node["spec"]["nodeSets"][0]["count"] > settings.elasticsearch.replicas
    assert kibana["spec"]["elasticsearchRef"]["name"] == name
    assert kibana["spec"]["version"] == node["spec"]["version"]
    used = {
        volume["secret"]["secretName"] for volume in pod(ours(manifests)["detect"])["volumes"] if "secret" in volume
    }
    assert used == {f"{name}-es-http-certs-public", node["spec"]["auth"]["fileRealm"][0]["secretName"]}
    roles = of(manifests, "Secret")[node["spec"]["auth"]["roles"][0]["secretName"]]["stringData"]["roles.yml"]
    role = json.loads((DEPLOY / "elasticsearch/role.json").read_text("utf-8"))
    del role["description"]
    assert yaml.safe_load(roles) == {settings.elasticsearch.username: role}


def test_every_workload_may_be_moved_one_pod_at_a_time(manifests: list[Manifest]) -> None:
    for name, one in ours(manifests).items():
        [budget] = [b for b in of(manifests, "PodDisruptionBudget").values() if selects(b["spec"]["selector"], one)]
        assert budget["spec"]["maxUnavailable"] == 1, name
        assert pod(one)["serviceAccountName"] in of(manifests, "ServiceAccount")


def test_the_monitoring_is_of_the_versions_and_takes_the_files_that_compose_does(built: Built) -> None:
    manifests, containers = built("distributed"), compose()["services"]
    for name in ("prometheus", "alertmanager", "grafana"):
        [container] = pod(workloads(manifests)[name])["containers"]
        other = containers[name]
        assert container["image"] == other["image"]
        assert container.get("args") == other.get("command")
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        for volume in other["volumes"]:
            assert any(path.startswith(volume["target"]) for path in mounted), f"{name}: {volume['target']}"
        told = {entry["name"] for entry in container.get("env", [])}
        assert told >= other.get("environment", {}).keys()


@pytest.mark.parametrize(
    ("folder", "name"), [("prometheus/rules", "prometheus-rules"), ("grafana/dashboards", "grafana-dashboards")]
)
def test_rules_and_dashboards_are_mounted_where_there_are_any(folder: str, name: str, built: Built) -> None:
    files = {path.name for path in (DEPLOY / folder).glob("[!.]*")}
    maps = [one["data"] for key, one in of(built("distributed"), "ConfigMap").items() if key.startswith(f"{name}-")]
    assert [{*data} for data in maps] == ([files] if files else [])
    assert all(len(text) < 900_000 for data in maps for text in data.values())


def test_detect_grows_to_as_many_pods_as_there_are_partitions(built: Built) -> None:
    topics = yaml.safe_load((ROOT / "schemas/kafka/topics.yaml").read_text("utf-8"))
    [scaler] = of(built("distributed"), "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] == "detect"
    assert scaler["spec"]["maxReplicas"] <= topics["articles"]["partitions"]
    # What scales must not be set back to a number at every apply.
    assert "replicas" not in ours(built("distributed"))["detect"]["spec"]


def test_ingest_keeps_its_name_and_the_embedded_pod_is_alone(built: Built) -> None:
    ingest = ours(built("distributed"))["ingest"]
    assert ingest["kind"] == "StatefulSet"
    variables = {entry["name"]: entry for entry in pod(ingest)["containers"][0]["env"]}
    assert variables["HELIOGRAPH_KAFKA__INSTANCE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    alone = ours(built("embedded"))["heliograph"]
    assert (alone["kind"], alone["spec"]["replicas"]) == ("StatefulSet", 1)
    [claim] = alone["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_every_file_of_the_folder_is_part_of_an_overlay() -> None:
    used: set[Path] = set()

    def walk(folder: Path) -> None:
        used.add(folder / "kustomization.yaml")
        told = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
        files = [patch["path"] for patch in told.get("patches", []) if "path" in patch]
        files += [name for generator in told.get("configMapGenerator", []) for name in generator["files"]]
        for name in [*told.get("resources", []), *files]:
            path = (folder / name).resolve()
            walk(path) if path.is_dir() else used.add(path)

    for name in OVERLAYS:
        walk(KUBERNETES / "overlays" / name)
    neighbours = [folder for name in ("prometheus", "grafana") for folder in (DEPLOY / name).glob("*")]
    wanted = [path for folder in (KUBERNETES, *neighbours) for path in folder.rglob("[!.]*") if path.is_file()]
    missing = {path.relative_to(DEPLOY).as_posix() for path in wanted if path not in used and path.name != "README.md"}
    assert not missing, "name them in the kustomization.yaml beside them"
