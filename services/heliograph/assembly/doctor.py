"""The doctor: one look at everything that an installation needs, and what to do about what is not well.

Nothing is made, changed or started: it may be asked beside a running `heliograph run`, and before the first one.
"""

from __future__ import annotations

import http.client
import json
import platform
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version

from heliograph import __version__
from heliograph.assembly.collection import PARSER, Collection, sources_file
from heliograph.assembly.delivery import Delivery
from heliograph.assembly.doctor_servers import begun, brokers, clients, elasticsearch
from heliograph.assembly.doctor_stores import Finding, alert_history, data_folder, event_log, indexes, ledger
from heliograph.assembly.pages import Rows
from heliograph.assembly.world import World
from heliograph.errors import DeliveryError, HeliographError
from heliograph.fetch.sources import load
from heliograph.parse.worker import SandboxedParser
from heliograph.runtime.sandbox import Sandbox
from heliograph.settings import Settings

__all__ = ["Finding", "examine"]

_LIBRARIES = ("tantivy", "feedparser-rs", "aiohttp", "msgspec", "starlette", "uvicorn")
_OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""
Check = Callable[[World], Iterator[Finding]]
_PATIENCE = 5.0
"""Seconds that the service is given to answer."""
_FEED = (
    b"<rss version='2.0'><channel><item><title>A probe</title><link>https://example.org/1</link></item></channel></rss>"
)


def examine(settings: Settings, make_world: Callable[[Settings], World], *, send: bool = False) -> Iterator[Finding]:
    """Yield a line for each check, in the order in which they depend on each other; raises nothing of ours.

    `send` says that each channel is to be sent a test message.
    """
    source = f"read from {settings.file}" if settings.file else "no heliograph.toml here: defaults and HELIOGRAPH_*"
    yield Finding("settings", "ok", source)
    yield from versions()
    try:
        world = make_world(settings)
    except HeliographError as error:
        yield Finding("settings", "fail", str(error), "correct the settings")
        return
    try:
        looks: list[tuple[str, Check]] = [
            ("data folder", data_folder),
            ("definitions", definitions),
            ("sources", sources),
            *_stores(world),
            ("channels", partial(channels, send=send)),
            ("parser", parser),
            ("web", web),
        ]
        for name, check in looks:
            yield from _guarded(name, check, world)
    finally:
        world.close()


def _stores(world: World) -> tuple[tuple[str, Check], ...]:
    kept: tuple[tuple[str, Check], ...] = (
        ("event log", event_log), ("ledger", ledger), ("alert history", alert_history), ("index", indexes),
    )  # fmt: skip
    if world.tier.sole:
        return kept
    servers: tuple[tuple[str, Check], ...] = (
        ("clients", clients), ("brokers", brokers), ("Elasticsearch", elasticsearch),
    )  # fmt: skip
    # What is on servers that are away would only say so again, one wait after the other.
    return (*servers, *kept) if begun(world) else servers


def _guarded(name: str, check: Check, world: World) -> Iterator[Finding]:
    try:
        yield from check(world)
    except HeliographError as error:
        yield Finding(name, "fail", str(error), "do what the message says, then ask again")
    except OSError as error:
        yield Finding(name, "fail", f"{error.filename or name}: {error.strerror or error}", "check rights and disk")


def versions() -> Iterator[Finding]:
    """Say what runs here."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    what = f"Heliograph {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"
    old = sqlite3.sqlite_version_info < _OLDEST_SQLITE
    advice = f"use a Python with SQLite {'.'.join(map(str, _OLDEST_SQLITE))} or newer" if old else ""
    yield Finding("versions", "fail" if old else "ok", what, advice)


def definitions(world: World) -> Iterator[Finding]:
    """Look at topics and concepts."""
    found = world.definitions
    for error in found.errors:
        yield Finding("definitions", "fail", str(error), "correct the file; `heliograph topics check` says more")
    topics = f"{len(found.compiled)} topics, {len(found.concepts)} concepts"
    if found.compiled:
        yield Finding("definitions", "ok", topics)
    else:
        yield Finding("definitions", "warn", topics, "nothing can be flagged: add a topic")


def sources(world: World) -> Iterator[Finding]:
    """Look at the sources file."""
    path = sources_file(world)
    if path is None:
        yield Finding("sources", "ok", "none: only feeds added by hand are polled")
    else:
        yield Finding("sources", "ok", f"{len(load(path.read_bytes(), str(path)))} feeds in {path}")


def channels(world: World, *, send: bool) -> Iterator[Finding]:
    """Look at channels and policies; with `send`, try each channel."""
    delivery = Delivery(world)
    used = {name for policy in delivery.policies for name in policy.channels}
    rows = Rows(world, Collection(world), delivery)
    for row in rows.channels():
        name = f"channel {row.name}"
        if row.name not in used:
            yield Finding(name, "warn", f"{row.type} to {row.target}", "no policy names it: add one to [[policies]]")
        elif not send:
            yield Finding(name, "ok", f"{row.type} to {row.target}; --send tries it")
        if send:
            try:
                yield Finding(name, "ok", rows.test_channel(row.name))
            except DeliveryError as error:
                yield Finding(name, "fail", str(error), "check its address and secret, and whether it is up")
    if not delivery.notifiers:
        yield Finding("channels", "ok", "none set: alerts are recorded, and sent nowhere")


def parser(_: World) -> Iterator[Finding]:
    """Start the parser's child process and have it parse a feed."""
    sandbox = Sandbox(PARSER)
    try:
        items = len(SandboxedParser(sandbox).parse_now(_FEED, "application/rss+xml").items)
    finally:
        sandbox.close()
    yield Finding("parser", "ok" if items == 1 else "fail", f"its child process parsed a feed of {items} item")


def web(world: World) -> Iterator[Finding]:
    """Ask whatever listens where the pages are served."""
    host, port = world.settings.web.host, world.settings.web.port
    place = f"{host}:{port}"
    if port == 0:
        yield Finding("web", "ok", "a free port is taken at each start")
        return
    near = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(near, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks = json.loads(answer.read(1_000_000))["checks"]
        ill = [f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]]
    except ConnectionRefusedError:
        yield Finding("web", "ok", f"{place} is free: `heliograph run` would serve there, and does not run")
    except (OSError, http.client.HTTPException) as error:
        yield Finding("web", "fail", f"{place}: {str(error) or type(error).__name__}", "set web.host and web.port")
    except (ValueError, KeyError, TypeError, AttributeError):
        advice = "another program listens there: set web.port, or stop it"
        yield Finding("web", "fail", f"{place} answers, yet is no Heliograph", advice)
    else:
        if world.tier.sole and not (world.settings.data / "log.sqlite").exists():
            advice = "give this one a web.port of its own before it is started, or say --data"
            yield Finding("web", "warn", f"{place}: a Heliograph with another data folder runs there", advice)
            return
        advice = "see the log of `heliograph run`" if ill else ""
        yield Finding("web", "fail" if ill else "ok", f"{place}: {'; '.join(ill) or 'runs and is ready'}", advice)
    finally:
        connection.close()
