"""Who reaches whom in the cluster: policies as they are built, held against the program's own guard.

No traffic is sent: that needs a cluster, and a network plugin that enforces policies.
"""

from __future__ import annotations

import ipaddress

from tests.deploy.manifests import Built, Manifest, of, ours, pod, selects, workloads

from heliograph.fetch.addresses import refusal


def test_nothing_is_reached_and_nothing_leaves_unless_a_policy_says_so(manifests: list[Manifest]) -> None:
    deny = of(manifests, "NetworkPolicy")["default-deny"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in of(manifests, "NetworkPolicy").items():
        assert policy["spec"]["policyTypes"], name
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            peers = rule.get("from") or rule.get("to")
            assert peers, f"{name}: a rule for everything"
            for peer in peers:
                assert {"podSelector", "namespaceSelector", "ipBlock"} & peer.keys(), name


def test_only_who_fetches_and_who_delivers_reaches_the_internet(overlay: str, manifests: list[Manifest]) -> None:
    leaving = {
        name
        for policy in of(manifests, "NetworkPolicy").values()
        if any("ipBlock" in peer for rule in policy["spec"].get("egress", []) for peer in rule["to"])
        for name, one in workloads(manifests).items()
        if selects(policy["spec"]["podSelector"], one)
    }
    assert leaving == ({"heliograph"} if overlay == "embedded" else {"ingest", "alert"})


def test_what_may_not_be_reached_is_what_the_program_refuses_as_well(manifests: list[Manifest]) -> None:
    [rule] = of(manifests, "NetworkPolicy")["internet"]["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [80, 443]
    for peer in rule["to"]:
        whole = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        kept = [ipaddress.ip_network(text) for text in peer["ipBlock"]["except"]]
        assert all(part.version == whole.version for part in kept)
        for part in kept:
            for address in (part[0], part[1 % part.num_addresses], part[-1]):
                assert refusal(str(address), ()), address
    private = (
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "127.0.0.1",
        "fd00::1",
        "fe80::1",
    )
    for text in private:
        address = ipaddress.ip_address(text)
        [block] = [
            peer["ipBlock"]
            for peer in rule["to"]
            if ipaddress.ip_network(peer["ipBlock"]["cidr"]).version == address.version
        ]
        assert any(address in ipaddress.ip_network(part) for part in block["except"]), text


def test_services_reach_the_stores_and_the_stores_take_them(built: Built) -> None:
    manifests = built("dev")
    policies = of(manifests, "NetworkPolicy")
    for name, one in ours(manifests).items():
        assert selects(policies["to-stores"]["spec"]["podSelector"], one), name
    for rule in policies["to-stores"]["spec"]["egress"]:
        [store] = [one for one in workloads(manifests).values() if selects(rule["to"][0]["podSelector"], one)]
        [port] = pod(store)["containers"][0]["ports"]
        assert [entry["port"] for entry in rule["ports"]] == [port["containerPort"]]
        taking = policies[store["metadata"]["name"]]["spec"]["ingress"][0]
        assert taking["ports"] == rule["ports"]
        assert all(selects(taking["from"][0]["podSelector"], one) for one in ours(manifests).values())
