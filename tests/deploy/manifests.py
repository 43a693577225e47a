"""Reading manifests: by kind, by what runs, by what selects it; and what a workload lacks of what it must have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]
Built = Callable[[str], list[Manifest]]
LABEL = "heliograph/service"
PROBES = ("startup", "liveness", "readiness")


def of(manifests: Sequence[Manifest], *kinds: str) -> dict[str, Manifest]:
    """Return the manifests of these kinds by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] in kinds}


def workloads(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return what starts pods by itself; what operators start is told to them."""
    return of(manifests, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")


def ours(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return the workloads that run Heliograph."""
    return {name: one for name, one in workloads(manifests).items() if LABEL in one["metadata"].get("labels", {})}


def pod(workload: Manifest) -> Manifest:
    """Return what its pods are."""
    found: Manifest = workload["spec"]["template"]["spec"]
    return found


def labels(workload: Manifest) -> Mapping[str, str]:
    """Return the labels of its pods."""
    found: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def selects(selector: Mapping[str, Any], workload: Manifest) -> bool:
    """Tell whether a selector takes the pods of a workload."""
    assert "matchExpressions" not in selector
    return bool(selector.get("matchLabels", {}).items() <= labels(workload).items())


def config(manifests: Sequence[Manifest]) -> str:
    """Return the settings file of an overlay."""
    [found] = [one for name, one in of(manifests, "ConfigMap").items() if name.startswith("heliograph-config-")]
    text: str = found["data"]["heliograph.toml"]
    return text


def soft(workload: Manifest) -> list[str]:
    """Return what a workload lacks of what ours and our stores must have."""
    inner = pod(workload)
    found = [*soft_pod(inner)]
    for container in [*inner["containers"], *inner.get("initContainers", [])]:
        found += soft_container(container)
    for container in inner["containers"]:
        probes = [container.get(f"{kind}Probe") for kind in PROBES]
        if None in probes:
            found.append("a probe is missing")
        elif LABEL in workload["metadata"].get("labels", {}):
            asked = [probe["httpGet"]["path"] for probe in probes]
            found += [] if asked == ["/livez", "/livez", "/readyz"] else [f"probes ask {asked}"]
    return [f"{workload['metadata']['name']}: {said}" for said in found]


def soft_pod(inner: Manifest) -> Iterator[str]:
    """Yield what a pod lacks."""
    if inner.get("automountServiceAccountToken") is not False:
        yield "has a token"
    if inner.get("enableServiceLinks") is not False:
        yield "gets variables for every service of the namespace"
    context = inner.get("securityContext", {})
    if not all(context.get(key) for key in ("runAsNonRoot", "runAsUser", "fsGroup")):
        yield "runs as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"


def soft_container(container: Manifest) -> Iterator[str]:
    """Yield what a container lacks."""
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("capabilities") != {"drop": ["ALL"]}:
        yield "may gain privileges"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "root file system"
    for kind in ("requests", "limits"):
        if {"cpu", "memory"} - container.get("resources", {}).get(kind, {}).keys():
            yield kind
    tag = container["image"].rpartition(":")[2]
    if tag == container["image"] or "/" in tag or tag == "latest":
        yield f"image {container['image']}"
