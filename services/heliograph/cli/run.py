"""`heliograph run`: all services in one process, or those named."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION

_SWITCH_INTERVAL = 0.0005


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def run(
        services: list[str] = typer.Argument(
            None, metavar="[SERVICE]...", help="Services to run (default: all): ingest detect stories index alert web."
        ),
        tier: str | None = typer.Option(None, "--tier", metavar="T", help="embedded or distributed."),
        data: Path | None = DATA_OPTION,
        host: str | None = typer.Option(None, "--host", metavar="H", help="Address that the pages are served on."),
        port: int | None = typer.Option(None, "--port", metavar="P", help="Port of the pages; 0 takes a free one."),
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Start Heliograph; stop it with Ctrl-C or SIGTERM."""
        from heliograph.settings import load_settings

        flags = {"tier": tier, "data": data, "web": {"host": host, "port": port}}
        start(load_settings(config, flags), services or [])


def start(settings: object, services: list[str]) -> None:
    """Run the program until a signal ends it."""
    from heliograph.compose import program
    from heliograph.runtime.garbage import settle
    from heliograph.runtime.logs import configure_logs
    from heliograph.settings import Settings

    assert isinstance(settings, Settings)
    configure_logs(settings.logs.level, settings.logs.form)
    # Many threads hand work to each other here; at the default of 5 ms a thread that computes would make every one of
    # those hand-overs wait. Measured in docs/decisions.md.
    sys.setswitchinterval(_SWITCH_INTERVAL)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    running = program(settings, services)
    settle()
    running.start()
    try:
        pages = f" on {running.url}" if running.url else ""
        probes = f"; probes on {running.probes_url}" if running.probes_url else ""
        typer.echo(f"Heliograph is ready{pages}; data in {settings.data}{probes}")
        stop.wait()
    finally:
        running.stop()
