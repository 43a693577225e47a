from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from heliograph.alert.channels import Tools, build_channels, build_policies, kinds
from heliograph.errors import QueryError, SettingsError
from heliograph.query.tree import All, Node

TOOLS = Tools()
WEBHOOK = {"name": "desk", "type": "webhook", "url": "http://127.0.0.1:9000/hook", "secret": "whsec_c2VjcmV0LWtleQ=="}


def parse(query: str) -> Node:
    if query == "topic: (":
        raise QueryError("expected a value", query=query, position=8)
    return All()


def test_the_kinds_are_the_files_there_are() -> None:
    assert {"stdout", "webhook"} <= set(kinds())


def test_channels_are_built_by_name_in_order() -> None:
    built = build_channels([WEBHOOK, {"name": "terminal", "type": "stdout"}], TOOLS)
    assert list(built) == ["desk", "terminal"]
    assert built["desk"].target == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"type": "stdout"}, "channels[0]: key `name`"),
        ({"name": "a b", "type": "stdout"}, "channels[0]: key `name`"),
        ({"name": "a"}, "channels[0] (a): key `type` is missing"),
        ({"name": "a", "type": "webhok"}, "did you mean `webhook`?"),
        ({"name": "a", "type": "../webhook"}, "unknown kind of channel"),
        ({**WEBHOOK, "secrte": "x"}, "channels[0] (desk): `secrte`, an unknown key; did you mean `secret`?"),
        ({"name": "a", "type": "webhook"}, "missing key `url`"),
        ({**WEBHOOK, "url": 5}, "`$.url`"),
        ({**WEBHOOK, "url": "ftp://example.org/x"}, "key `url` must be"),
        ({**WEBHOOK, "url": "http://[::1"}, "key `url`"),
        ({**WEBHOOK, "url": "http://example.org:99999/"}, "key `url`"),
        ({**WEBHOOK, "timeout": 0}, "key `timeout`"),
        ({**WEBHOOK, "timeout": 3600}, "key `timeout`"),
        ({**WEBHOOK, "secret": "whsec_"}, "key `secret`"),
        ({**WEBHOOK, "secret": "whsec_ключ"}, "key `secret`"),
        ({**WEBHOOK, "secret_file": "x"}, "either `secret_file` or"),
        ({**WEBHOOK, "private_networks": False}, "key `private_networks`"),
        ({"name": "a", "type": "stdout", "format": "xml"}, "`$.format`"),
    ],
)
def test_a_mistake_names_the_table_and_the_key(table: Mapping[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        build_channels([table], TOOLS)
    assert "\n" not in str(caught.value)


def test_two_channels_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match=re.escape("channels[1] (desk): another channel")):
        build_channels([WEBHOOK, WEBHOOK], TOOLS)


def test_secrets_may_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    table = {key: value for key, value in WEBHOOK.items() if key != "secret"}
    path = tmp_path / "secret"
    with pytest.raises(SettingsError, match="cannot read"):
        build_channels([{**table, "secret_file": str(path)}], TOOLS)
    path.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        build_channels([{**table, "secret_file": str(path)}], TOOLS)
    path.write_text("whsec_Zmlyc3Q=\nwhsec_c2Vjb25k\n")
    assert list(build_channels([{**table, "secret_file": str(path)}], TOOLS)) == ["desk"]


def test_private_networks_may_be_refused_where_there_is_a_judge() -> None:
    def judge(_address: IPv4Address | IPv6Address) -> None:
        """Lets everything by."""

    assert build_channels([{**WEBHOOK, "private_networks": False}], Tools(judge=judge))


def test_policies_are_compiled_in_order() -> None:
    tables: list[Mapping[str, object]] = [
        {"name": "everything", "query": "topic: *", "channels": ["desk", "desk"]},
        {"name": "loud", "query": "*", "channels": ["desk", "phone"], "updates": True},
    ]
    first, second = build_policies(tables, channels=["desk", "phone"], parse=parse)
    assert (first.name, first.query, first.channels, first.updates) == ("everything", "topic: *", ("desk",), False)
    assert (second.node, second.channels, second.updates) == (All(), ("desk", "phone"), True)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"query": "*", "channels": ["desk"]}, "policies[0]: key `name`"),
        ({"name": "p", "channels": ["desk"]}, "policies[0] (p): missing key `query`"),
        ({"name": "p", "query": "*", "channels": ["dsk"]}, "`dsk`, an unknown channel; did you mean `desk`?"),
        ({"name": "p", "query": "*", "channels": "desk"}, "`$.channels`"),
        ({"name": "p", "query": "topic: (", "channels": ["desk"]}, "key `query`, character 9: expected a value"),
        ({"name": "p", "query": "*", "channels": ["desk"], "update": True}, "did you mean `updates`?"),
    ],
)
def test_a_mistake_in_a_policy_names_it(table: Mapping[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        build_policies([table], channels=["desk"], parse=parse)


def test_two_policies_of_one_name_are_refused() -> None:
    table = {"name": "p", "query": "*", "channels": ["desk"]}
    with pytest.raises(SettingsError, match="another policy"):
        build_policies([table, table], channels=["desk"], parse=parse)
