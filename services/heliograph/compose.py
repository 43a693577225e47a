"""THE composition root: which stage reads what, which store stands behind each port, what a service consists of.

    ingest    feeds    -> articles     fetch, parse, compare with the ledger
    detect    articles -> matches      which topics ask for it, and why
    stories   matches  -> flagged      story id, first or another copy
    index     flagged, articles        -> indexes `flagged` and `archive`
    alert     flagged                  -> claims -> deliveries -> channels
    web       reads the indexes, the history and the ledger

The tiers differ in `embedded` and `distributed`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from heliograph.alert.stage import AlertStage
from heliograph.assembly.collection import Collection
from heliograph.assembly.delivery import Delivery
from heliograph.assembly.live import Following, Published
from heliograph.assembly.pages import web_deps
from heliograph.assembly.upkeep import Definers, Gauges, Preparing, Retention
from heliograph.assembly.world import Tier, World
from heliograph.core.codec import decode
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, MATCHES, Envelope
from heliograph.detect.engine import Engine
from heliograph.detect.stage import DetectStage
from heliograph.errors import CodecError, SettingsError, UsageError
from heliograph.index.stage import IndexStage
from heliograph.program import Program, all_alive
from heliograph.runtime.stage import Stage, Step, StepHealth
from heliograph.runtime.supervise import Supervisor
from heliograph.schemas import load_schema
from heliograph.settings import Settings
from heliograph.stories.stage import StoriesStage
from heliograph.web.app import create_app
from heliograph.web.health import probes_app
from heliograph.web.live import LiveBus
from heliograph.web.port import Check
from heliograph.web.server import WebServer

SERVICES = ("ingest", "detect", "stories", "index", "alert", "web")
STORY_WINDOW = timedelta(hours=96)
ARCHIVE_ROLLS = timedelta(days=1)
"""A new index of the archive each day: what is too old goes as a whole."""


def embedded(settings: Settings) -> Tier:
    """Everything in files of the data folder: no server, no JVM."""
    from heliograph.alert.history_sqlite import SqliteHistory
    from heliograph.eventlog.sqlite import SqliteLog
    from heliograph.fetch.ledger_sqlite import SqliteLedger
    from heliograph.index.embedded import EmbeddedIndex
    from heliograph.runtime.poll import PollRunner

    data = settings.data
    return Tier(
        name="embedded",
        log=lambda: SqliteLog(data / "log.sqlite"),
        index=lambda name, read_only: EmbeddedIndex(data / "index" / name, read_only=read_only),
        ledger=lambda: SqliteLedger(data / "ledger.sqlite"),
        alerts=lambda: SqliteHistory(data / "alerts.sqlite"),
        runner=PollRunner,
    )


def distributed(settings: Settings) -> Tier:
    """Kafka, Faust and Elasticsearch; nothing is opened here. Raises SettingsError where their clients are missing."""
    for client in ("kafka-python", "faust-streaming", "elasticsearch"):
        try:
            version(client)
        except PackageNotFoundError as error:
            raise SettingsError(f"tier distributed needs {client}: pip install 'heliograph[distributed]'") from error
    from heliograph.alert.history_elastic import ElasticHistory
    from heliograph.eventlog.kafka import KafkaLog
    from heliograph.fetch.ledger_kafka import KafkaLedger
    from heliograph.index.elastic import ElasticIndex
    from heliograph.runtime.both import by_sink
    from heliograph.runtime.faust import FaustRunner
    from heliograph.runtime.poll import PollRunner

    kafka, elastic, retention = settings.kafka, settings.elasticsearch, settings.retention
    place: dict[str, Any] = {"prefix": elastic.index_prefix, "replicas": elastic.replicas}
    kept = {**dict.fromkeys((ARTICLES, MATCHES, FLAGGED), retention.log), DEAD_LETTERS: retention.dead_letters}
    documents, alerts = load_schema("elasticsearch/documents.json"), load_schema("elasticsearch/alerts.json")
    rolls = {"archive": ARCHIVE_ROLLS}

    def prepare() -> None:
        with closing(KafkaLog(kafka, kept=kept)) as log:
            log.prepare()

    return Tier(
        name="distributed",
        log=lambda: KafkaLog(kafka, kept=kept),
        index=lambda name, _: ElasticIndex(elastic, name, documents, roll_after=rolls.get(name), **place),
        ledger=lambda: KafkaLedger(kafka, prepare),
        alerts=lambda: ElasticHistory(elastic, schema=alerts, **place),
        runner=partial(by_sink, partial(FaustRunner, kafka=kafka), PollRunner)
        if settings.runner == "faust"
        else PollRunner,
        prepare=lambda log: cast("KafkaLog", log).prepare(),
        differences=lambda log: cast("KafkaLog", log).check(),
        sole=False,
    )


def world(settings: Settings, *, writes_index: bool = False) -> World:
    """Return the installation that the settings describe; nothing is opened yet."""
    tier = embedded(settings) if settings.tier == "embedded" else distributed(settings)
    return World(settings, tier, writes_index=writes_index)


def program(settings: Settings, services: Sequence[str] = ()) -> Program:
    """Return the program that runs these services, all where none is named.

    Raises UsageError for an unknown service, SettingsError for a wrong channel or policy, Unavailable for a store that
    cannot be opened.
    """
    for name in services:
        if name not in SERVICES:
            raise UsageError(f"no service {name!r}; known: {', '.join(SERVICES)}")
    wanted = tuple(name for name in SERVICES if not services or name in services)
    if not {"alert", "web"} & {*wanted}:
        # Who delivers nothing needs no channel: secrets need not be readable where only feeds are fetched.
        settings = settings.model_copy(update={"channels": (), "policies": ()})
    here = world(settings, writes_index="index" in wanted)
    bus, collection, delivery = LiveBus(), Collection(here), Delivery(here)
    detect = DetectStage(Engine(here.definitions.compiled.values()), here.now)
    # Where others index as well, the live list reads the log; else it hears from the step that makes things searchable.
    heard = here.tier.sole and "index" in wanted
    steps = pipeline(here, detect, delivery.stage, bus if heard else None)
    runner = here.tier.runner(here.log, [step for name in wanted for step in steps.get(name, list)()], here.metrics)
    supervisor = Supervisor(here.metrics)
    for service, task, run in (
        ("ingest", "ingest", collection.run),
        ("alert", "deliver", delivery.run),
        ("index", "retention", Retention(here).run),
        ("detect", "definitions", Definers(here, detect.replace).run),
        *(() if here.tier.sole else (("", "servers", Preparing(here).run),)),
        *(() if heard else (("web", "live", Following(here, bus.publish).run),)),
    ):
        if not service or service in wanted:
            supervisor.add(task, run)
    server: WebServer | None = None
    probes: WebServer | None = None

    def health() -> Sequence[StepHealth]:
        return running.health()

    checks: dict[str, Check] = {"steps": lambda: all_alive(health), "event log": here.log_answers}
    if {"web", "index"} & {*wanted}:
        checks["indexes"] = here.indexes_answer
    if settings.health.host:
        app = probes_app(checks, here.metrics.registry, settings.web.allowed_hosts)
        probes = WebServer(app, settings.health.host, settings.health.port, setting="health")
    if "web" in wanted:
        deps = web_deps(here, bus, collection=collection, delivery=delivery, steps=health, checks=checks)
        server = WebServer(create_app(deps), settings.web.host, settings.web.port, before_stop=bus.close)
    if server or probes:
        supervisor.add("gauges", Gauges(health).run)
    running = Program(supervisor, runner, server, here.close, probes)
    return running


def pipeline(
    here: World, detect: DetectStage, alert: Callable[[], AlertStage], bus: LiveBus | None
) -> dict[str, Callable[[], list[Step]]]:
    """Return the steps of each service: the whole stream on one screen.

    `linger` lets the index gather a moment's articles into one commit; searchable within half a second all the same.
    """

    def flagged() -> Stage:
        stage = IndexStage(here.index("flagged"))
        return stage if bus is None else Published(stage, bus.publish)

    return {
        "detect": lambda: [Step(detect, source=ARTICLES, sink=MATCHES)],
        "stories": lambda: [_stories(StoriesStage(past=_flagged(here), clock=here.now))],
        "index": lambda: [
            Step(flagged(), source=FLAGGED, batch=500, linger=0.6),
            Step(IndexStage(here.index("archive"), "index-archive"), source=ARTICLES, batch=1000, linger=1.2),
        ],
        "alert": lambda: [Step(alert(), source=FLAGGED)],
    }


def steps(here: World) -> dict[str, Callable[[], list[Step]]]:
    """Return the steps of each service for a replay: nothing runs them, and nobody listens."""
    detect = DetectStage(Engine(here.definitions.compiled.values()), here.now)
    return pipeline(here, detect, Delivery(here).stage, None)


def _stories(stage: StoriesStage) -> Step:
    return Step(stage, source=MATCHES, sink=FLAGGED, renew=stage.forget)


def _flagged(here: World) -> Callable[[], Iterator[Envelope]]:
    """Return what the stories stage rebuilds its window from: the flagged events of the last window."""

    def past() -> Iterator[Envelope]:
        for message in here.log.scan(FLAGGED, here.now() - STORY_WINDOW):
            try:
                yield decode(message.value)
            except CodecError:
                # Its readers have put it into the dead letters; a window can do without it.
                continue

    return past
