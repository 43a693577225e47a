"""`heliograph demo`: the real program against an invented press on loopback, offline."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import typer

from heliograph.cli.output import notes


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def demo(
        data: Path = typer.Option(Path("var/demo"), "--data", metavar="DIR", help="Folder of the demo; emptied first."),
        tier: str = typer.Option(
            "embedded", "--tier", metavar="T", help="embedded, or distributed: through the Kafka and Elasticsearch set."
        ),
        host: str | None = typer.Option(None, "--host", metavar="H", help="Address that the pages are served on."),
        port: int | None = typer.Option(None, "--port", metavar="P", help="Port of the pages; 0 takes a free one."),
        feeds_port: int = typer.Option(0, "--feeds-port", metavar="P", help="Port of the sample feeds."),
        hostile: bool = typer.Option(True, "--hostile/--no-hostile", help="Serve broken and hostile feeds as well."),
    ) -> None:
        """See Heliograph at work without a network: sample feeds in seven languages, news as time goes by."""
        from heliograph.cli.run import start
        from heliograph.settings import load_settings

        _empty(data)
        sources = data / "sources.yaml"
        with _press(sources, feeds_port, hostile=hostile) as said:
            notes().print(said, style="dim")
            flags = {
                "data": data,
                "tier": tier,
                "sources": str(sources),
                "web": {"host": host, "port": port},
                "fetch": {"allow_networks": ("127.0.0.0/8",), "poll_min": "2s", "poll_max": "4s", "timeout": "5s"},
                "channels": ({"name": "terminal", "type": "stdout"},),
                "policies": ({"name": "everything", "query": "topic: *", "channels": ("terminal",)},),
            }
            if tier == "distributed":
                flags |= _names_of_its_own()
            start(load_settings(None, flags), [])


def _names_of_its_own() -> dict[str, dict[str, str]]:
    """Return names for topics and indices that no other installation on the same servers has, this run's alone."""
    name = f"heliograph-demo-{token_hex(3)}"
    notes().print(f"topics {name}.*, indices {name}-*", style="dim")
    return {"kafka": {"topic_prefix": f"{name}."}, "elasticsearch": {"index_prefix": f"{name}-"}}


def _empty(data: Path) -> None:
    """Remove what an earlier demo left; refuse a folder that is somebody's installation."""
    if data.exists() and any(data.iterdir()):
        if not (data / "sources.yaml").is_file():
            raise typer.BadParameter(f"{data} holds something that is no demo: name an empty folder with --data")
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)


@contextmanager
def _press(sources: Path, port: int, *, hostile: bool) -> Iterator[str]:
    """Serve the sample feeds in a process of their own for as long as the block runs; yields what it said."""
    command = [sys.executable, "-m", "heliograph.demo", "--port", str(port), "--write-sources", str(sources)]
    if not hostile:
        command.append("--no-hostile")
    # A session of its own: Ctrl-C goes to us, and we stop it when we are done with it.
    press = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own module
    try:
        assert press.stdout is not None
        said = press.stdout.readline().strip()
        if not said:
            raise typer.BadParameter("the sample feeds could not be served; see the line above")
        yield said
    finally:
        press.send_signal(signal.SIGTERM)
        press.wait(10)
