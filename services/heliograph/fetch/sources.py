"""sources.yaml as subscriptions, and what a list of them means beside the ledger. Pure.

The format is `schemas/sources.schema.json`; it is checked here by hand, so that an error names the key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from heliograph.errors import DefinitionError, UsageError
from heliograph.fetch.port import BY_HAND, Feed, Subscription
from heliograph.fetch.urls import require_web_url, slug_for

OWNERSHIPS = ("state", "public", "private", "independent", "unknown")
EVIDENCE = ("answering", "listed", "seen")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COUNTRY = re.compile(r"[a-z]{2}|int")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_OUTLET_KEYS = ("id", "title", "country", "ownership", "feeds")
_FEED_KEYS = ("id", "url", "language", "evidence")


def load(text: str | bytes, place: str) -> tuple[Subscription, ...]:
    """Return the subscriptions of a sources file, in its order. `place` is the file's name, for errors.

    Raises DefinitionError naming file and key for text that is no YAML, for a missing, unknown or malformed
    key, and for an id or address that stands there twice.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DefinitionError(f"no YAML: {' '.join(str(error).split())}", place=place) from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"no UTF-8: {error}", place=place) from error
    top = _mapping(raw, ("outlets",), place, "the file")
    outlets = _list(top["outlets"], place, "outlets")
    found: list[Subscription] = []
    for number, outlet in enumerate(outlets):
        found += _outlet(outlet, place, f"outlets[{number}]")
    _unique([str(outlet["id"]) for outlet in outlets], place, "outlet id")
    _unique([one.id for one in found], place, "feed id")
    _unique([one.url for one in found], place, "feed url")
    return tuple(found)


def merge(wanted: Sequence[Subscription], present: Sequence[Feed]) -> tuple[Subscription, ...]:
    """Return what to put into the ledger so that it follows the sources file: new feeds and changed descriptions.

    A feed that a person has switched off stays off, one that a person added by hand is left alone, and a feed whose
    address is subscribed to already under another id is not added again.
    """
    by_id = {feed.subscription.id: feed.subscription for feed in present}
    urls = {feed.subscription.url for feed in present}
    put: list[Subscription] = []
    for one in wanted:
        before = by_id.get(one.id)
        if before is None:
            if one.url not in urls:
                put.append(one)
        elif before.evidence != BY_HAND:
            changed = replace(one, enabled=before.enabled, added=before.added)
            if changed != before:
                put.append(changed)
    return tuple(put)


def removal(present: Sequence[Feed], feed: str) -> tuple[tuple[Subscription, ...], tuple[str, ...]]:
    """Return what `Ledger.edit` is to put and to remove so that the feed is polled no more.

    A feed of a sources file is switched off, for it would come back with the next start if it were dropped. Raises
    UsageError for an id that is not subscribed to.
    """
    for one in present:
        if one.subscription.id == feed:
            if one.subscription.evidence == BY_HAND:
                return (), (feed,)
            return (replace(one.subscription, enabled=False),), ()
    raise UsageError(f"no feed has the id {feed!r}: `heliograph feeds list` names them")


def by_hand(url: str, taken: Collection[str], *, title: str = "", language: str = "") -> Subscription:
    """Return a subscription for an address that a person gives; its id is none of `taken`.

    Raises UsageError for what is no web address.
    """
    url = require_web_url(url)
    return Subscription(id=slug_for(url, taken), url=url, title=title, language=language)


def _outlet(raw: object, place: str, where: str) -> list[Subscription]:
    outlet = _mapping(raw, _OUTLET_KEYS, place, where)
    source = _matching(outlet["id"], _SLUG, "a slug such as `civil-ge`", place, f"{where}.id")
    title = _text(outlet["title"], place, f"{where}.title")
    country = _matching(outlet["country"], _COUNTRY, "two lower-case letters or `int`", place, f"{where}.country")
    ownership = _one_of(outlet["ownership"], OWNERSHIPS, place, f"{where}.ownership")
    found: list[Subscription] = []
    for number, entry in enumerate(_list(outlet["feeds"], place, f"{where}.feeds")):
        here = f"{where}.feeds[{number}]"
        feed = _mapping(entry, _FEED_KEYS, place, here)
        try:
            url = require_web_url(_text(feed["url"], place, f"{here}.url"))
        except UsageError as error:
            raise DefinitionError(f"{here}.url: {error}", place=place) from error
        found.append(
            Subscription(
                id=_matching(feed["id"], _SLUG, "a slug such as `civil-ge-en`", place, f"{here}.id"),
                url=url,
                title=title,
                source=source,
                source_title=title,
                country=country,
                ownership=ownership,
                language=_matching(feed["language"], _LANGUAGE, "a BCP 47 tag", place, f"{here}.language"),
                evidence=_one_of(feed["evidence"], EVIDENCE, place, f"{here}.evidence"),
            )
        )
    return found


def _mapping(raw: object, keys: Sequence[str], place: str, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise DefinitionError(f"{where} must be a mapping with the keys {', '.join(keys)}", place=place)
    for key in raw:
        if key not in keys:
            raise DefinitionError(f"{where}: unknown key {key!r}, known are {', '.join(keys)}", place=place)
    for key in keys:
        if key not in raw:
            raise DefinitionError(f"{where}: the key {key!r} is missing", place=place)
    return raw


def _list(raw: object, place: str, where: str) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise DefinitionError(f"{where} must be a list with at least one entry", place=place)
    return raw


def _text(raw: object, place: str, where: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        # YAML reads an unquoted `no` (Norway) as a boolean: say what it became.
        raise DefinitionError(f"{where} must be text, not {raw!r}: put it in quotes", place=place)
    return raw.strip()


def _matching(raw: object, pattern: re.Pattern[str], wanted: str, place: str, where: str) -> str:
    text = _text(raw, place, where)
    if not pattern.fullmatch(text):
        raise DefinitionError(f"{where}: {text!r} is not {wanted}", place=place)
    return text


def _one_of(raw: object, known: Sequence[str], place: str, where: str) -> str:
    text = _text(raw, place, where)
    if text not in known:
        raise DefinitionError(f"{where}: {text!r} is none of {', '.join(known)}", place=place)
    return text


def _unique(values: Sequence[str], place: str, what: str) -> None:
    met: set[str] = set()
    for value in values:
        if value in met:
            raise DefinitionError(f"the {what} {value!r} stands there twice", place=place)
        met.add(value)
