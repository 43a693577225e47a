"""Alerts as the settings want them: channels, policies, the stage that claims and the task that delivers."""

from __future__ import annotations

import threading
from ipaddress import IPv4Address, IPv6Address

import structlog

from heliograph import __version__
from heliograph.alert.channels import Tools, build_channels, build_policies
from heliograph.alert.deliver import Deliverer
from heliograph.alert.port import Attempt, Notifier
from heliograph.alert.port import Delivery as Message
from heliograph.alert.stage import AlertStage
from heliograph.assembly.world import World
from heliograph.core.article import Document
from heliograph.errors import UsageError
from heliograph.fetch.addresses import networks, refusal
from heliograph.query.match import matches
from heliograph.query.tree import Node
from heliograph.query.view import View

_log = structlog.get_logger("deliver")


def holds(node: Node, document: Document) -> bool:
    """Tell whether a query holds for a document."""
    return matches(node, View(document))


class Delivery:
    """The alert service of this process. Raises SettingsError for a channel or policy that is wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        settings = world.settings
        allow = networks(settings.fetch.allow_networks)

        def judge(address: IPv4Address | IPv6Address) -> None:
            if why := refusal(str(address), allow):
                raise UsageError(f"{address}: {why}; see fetch.allow_networks")

        tools = Tools(judge=judge, clock=world.now, agent=f"Heliograph/{__version__}")
        self.notifiers: dict[str, Notifier] = build_channels(settings.channels, tools)
        tables = [policy.model_dump() for policy in settings.policies]
        self.policies = build_policies(tables, channels=self.notifiers, parse=world.parse_query)
        self._deliverer: Deliverer | None = None

    def stage(self) -> AlertStage:
        """Return the stage that decides on alerts and claims them."""
        topics = self._world
        return AlertStage(
            store=self._world.alerts,
            policies=self.policies,
            matches=holds,
            clock=self._world.now,
            wake=self._wake,
            topic_name=lambda name: found.name if (found := topics.definitions.topics.get(name)) else name,
        )

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; a supervised task."""
        schedule = [span.total_seconds() for span in self._world.settings.alerts.retry_schedule]
        deliverer = self._deliverer = Deliverer(
            outbox=self._world.alerts,
            notifiers=self.notifiers,
            clock=self._world.now,
            schedule=schedule,
            observe=self._observe,
            sole=self._world.tier.sole,
        )
        deliverer.start()
        try:
            while not stop.wait(0.5):
                if not deliverer.alive:
                    raise RuntimeError("the deliverer's thread ended by itself")
        finally:
            deliverer.stop()
            self._deliverer = None

    @property
    def disabled(self) -> dict[str, str]:
        """Channels whose receiver said that it is gone, with its words."""
        return dict(self._deliverer.disabled) if self._deliverer is not None else {}

    def _wake(self) -> None:
        if self._deliverer is not None:
            self._deliverer.wake()

    def _observe(self, delivery: Message, attempt: Attempt) -> None:
        channel = delivery.alert.channel
        self._world.metrics.deliveries.labels(channel, attempt.outcome).inc()
        self._world.metrics.delivery_seconds.labels(channel).observe(attempt.seconds)
        if attempt.outcome == "delivered":
            age = (attempt.time - delivery.alert.created).total_seconds()
            self._world.metrics.pipeline_delay.labels("delivered").observe(max(0.0, age))
        else:
            _log.warning("not delivered", channel=channel, alert=delivery.id, try_=attempt.number, error=attempt.error)
