"""From `[[channels]]` and `[[policies]]` tables, as plain dicts, to notifiers and policies.

Every mistake is a SettingsError that names the table, the key and the nearest known name; none shows a value of a
channel's options, which may be secret.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec

from heliograph.alert import notifiers
from heliograph.alert.decide import Policy
from heliograph.alert.port import Notifier
from heliograph.alert.secret import Secret
from heliograph.errors import QueryError, SettingsError
from heliograph.query.tree import Node

Judge = Callable[[IPv4Address | IPv6Address], None]
"""Raises a HeliographError for an address that must not be connected to."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Tools:
    """What notifiers are given besides their options."""

    judge: Judge | None = None
    """Asked about every address of a channel with `private_networks = false`; None lets every address by."""
    clock: Callable[[], datetime] = _now
    """Stamps signatures; receivers check it against theirs."""
    agent: str = "Heliograph"
    """User-Agent of requests."""


def kinds() -> tuple[str, ...]:
    """Return the names of the notifiers there are: what a channel's `type` may be."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(notifiers.__path__)))


def build_channels(tables: Sequence[Mapping[str, object]], tools: Tools) -> dict[str, Notifier]:
    """Return a notifier for each `[[channels]]` table, by channel name, in order. Opens no connection.

    Raises SettingsError.
    """
    built: dict[str, Notifier] = {}
    for number, table in enumerate(tables):
        name = _name(table, f"channels[{number}]")
        place = f"channels[{number}] ({name})"
        if name in built:
            raise SettingsError(f"{place}: another channel has this name: give each its own")
        kind = table.get("type")
        if not isinstance(kind, str) or kind not in kinds():
            raise SettingsError(f"{place}: key `type` is {unknown(kind, kinds(), 'kind of channel')}")
        module = importlib.import_module(f"heliograph.alert.notifiers.{kind}")
        options = _options({key: value for key, value in table.items() if key not in ("name", "type")}, module, place)
        try:
            built[name] = module.create(name, options, tools)
        except SettingsError as error:
            raise SettingsError(f"{place}: {error}") from None
    return built


class _PolicyTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    query: str
    channels: tuple[str, ...]
    updates: bool = False


def build_policies(
    tables: Sequence[Mapping[str, object]], *, channels: Collection[str], parse: Callable[[str], Node]
) -> tuple[Policy, ...]:
    """Return the policies of the `[[policies]]` tables, in order; `channels` are the names that there are.

    Raises SettingsError, for a query too: with the policy's name and where in the query the mistake is.
    """
    built: dict[str, Policy] = {}
    for number, table in enumerate(tables):
        name = _name(table, f"policies[{number}]")
        place = f"policies[{number}] ({name})"
        if name in built:
            raise SettingsError(f"{place}: another policy has this name: give each its own")
        fields = _convert(table, _PolicyTable, place)
        for channel in fields.channels:
            if channel not in channels:
                raise SettingsError(f"{place}: key `channels` has {unknown(channel, channels, 'channel')}")
        try:
            node = parse(fields.query)
        except QueryError as error:
            raise SettingsError(f"{place}: key `query`, character {error.position + 1}: {error}") from error
        unique = tuple(dict.fromkeys(fields.channels))
        built[name] = Policy(name=name, query=fields.query, node=node, channels=unique, updates=fields.updates)
    return tuple(built.values())


def unknown(given: object, known: Iterable[str], what: str) -> str:
    """Return words for a name that is none of those known, with the nearest of them."""
    names = sorted(known)
    if not isinstance(given, str):
        return f"missing or no text: use one of {', '.join(names)}"
    near = get_close_matches(given, names, n=1)
    advice = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(names) or 'none'}"
    return f"`{given}`, an unknown {what}; {advice}"


def _name(table: Mapping[str, object], place: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(f"{place}: key `name` must be 1 to 64 letters, digits, hyphens or underscores")
    return name


def _options(table: Mapping[str, object], module: Any, place: str) -> Any:  # noqa: ANN401 - each module has its own
    return _convert(table, module.Options, place)


def _convert(table: Mapping[str, object], kind: type[Any], place: str) -> Any:  # noqa: ANN401 - an instance of `kind`
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            raise SettingsError(f"{place}: {unknown(key, known, 'key')}")
    try:
        return msgspec.convert(dict(table), kind, dec_hook=_secret)
    except msgspec.ValidationError as error:
        # It names types and keys, never the value given.
        raise SettingsError(f"{place}: {error}".replace("Object missing required field", "missing key")) from None


def _secret(kind: type[Any], value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
