"""Every metric of the product, in one place.

Names follow the Prometheus conventions (https://prometheus.io/docs/practices/naming/): one prefix, base units, no
label that grows with the news (no URL, title or article id).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from heliograph import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_AGES = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)


class Metrics:
    """One registry with all counters, gauges and histograms; nothing is registered globally."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        Info("heliograph_build", "Version of the running program.", registry=r).info({"version": __version__})

        self.stage_events = Counter(
            "heliograph_stage_events", "Events that a stage has worked on.", ["stage", "outcome"], registry=r
        )
        self.stage_seconds = Histogram(
            "heliograph_stage_batch_seconds",
            "Time that a stage took for a batch.",
            ["stage"],
            buckets=_SECONDS,
            registry=r,
        )
        self.stage_lag_events = Gauge(
            "heliograph_stage_lag_events",
            "Events that a stage has not committed yet.",
            ["stage"],
            registry=r,
        )
        self.stage_lag_seconds = Gauge(
            "heliograph_stage_lag_seconds", "Age of the oldest event not committed yet.", ["stage"], registry=r
        )
        self.stage_stalled = Gauge(
            "heliograph_stage_stalled",
            "1 while a Faust agent finishes nothing although events wait for it.",
            ["stage"],
            registry=r,
        )
        self.dead_letters = Counter(
            "heliograph_dead_letters", "Events and bodies refused for good.", ["stage", "reason"], registry=r
        )
        self.task_up = Gauge("heliograph_task_up", "1 while a supervised task runs.", ["task"], registry=r)
        self.task_restarts = Counter(
            "heliograph_task_restarts", "Times that a supervised task died and was started again.", ["task"], registry=r
        )
        self.publish_delay = Histogram(
            "heliograph_published_to_fetched_seconds",
            "From the time a feed states to the moment of fetching, new items only.",
            buckets=_AGES,
            registry=r,
        )
        self.pipeline_delay = Histogram(
            "heliograph_fetched_to_point_seconds",
            "From the moment of fetching to a point of the pipeline: flagged, indexed or alerted.",
            ["point"],
            buckets=_AGES,
            registry=r,
        )
        self.polls = Counter("heliograph_polls", "Feeds polled.", ["outcome"], registry=r)
        self.poll_seconds = Histogram(
            "heliograph_poll_seconds", "Time from request to parsed feed.", buckets=_SECONDS, registry=r
        )
        self.fetched_bytes = Counter("heliograph_fetched_bytes", "Decoded bytes of feed bodies.", registry=r)
        self.articles = Counter("heliograph_articles", "Items read from feeds.", ["kind"], registry=r)
        self.deliveries = Counter(
            "heliograph_delivery_attempts",
            "Attempts to deliver an alert.",
            ["channel", "outcome"],
            registry=r,
        )
        self.delivery_seconds = Histogram(
            "heliograph_delivery_seconds",
            "Time that an attempt took.",
            ["channel"],
            buckets=_SECONDS,
            registry=r,
        )
        self.http_requests = Counter(
            "heliograph_http_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=r,
        )
        self.http_seconds = Histogram(
            "heliograph_http_request_seconds", "Time to answer a request.", ["route"], buckets=_SECONDS, registry=r
        )
