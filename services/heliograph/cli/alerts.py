"""`heliograph alerts`: what was decided, sent and answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from heliograph.alert.port import Find, Status
from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, opened
from heliograph.cli.output import FORMAT_OPTION, Format, notes, show, show_one

_TABLE = ("created", "status", "channel", "topic", "tries", "id", "title")
_CSV = (
    *("created", "status", "channel", "topic", "severity", "kind", "title", "url", "source", "language", "reason"),
    *("copies", "outlets", "tries", "due", "error", "id", "alert", "story", "article", "policy"),
)
_SHOWN = (
    *("id", "alert", "kind", "status", "created", "due", "channel", "policy", "topic", "severity", "reason"),
    *("title", "url", "source", "language", "published", "article", "story", "copies", "outlets", "tries", "error"),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(help="Alerts: the history, deliveries and channels.", no_args_is_help=True)
    app.add_typer(group, name="alerts")
    _register_history(group)
    _register_retry(group)
    channels = typer.Typer(help="Where alerts go.", no_args_is_help=True)
    group.add_typer(channels, name="channels")
    _register_channels(channels)


def _register_history(group: typer.Typer) -> None:
    @group.command("list")
    def list_alerts(
        *,
        status: Status | None = typer.Option(None, "--status", help="Only deliveries that stand so."),
        topic: str = typer.Option("", "--topic", metavar="T", help="Only alerts of this topic."),
        channel: str = typer.Option("", "--channel", metavar="NAME", help="Only deliveries to this channel."),
        limit: int = typer.Option(50, "--limit", min=1, max=100_000, help="Deliveries to print at most."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """List deliveries, newest first; muted ones only where asked for."""
        from heliograph.assembly.deliveries import listed

        wanted = Find(topic=topic, channel=channel, limit=limit)
        with opened(data, config) as here:
            total, rows = listed(here, replace(wanted, statuses=(status,)) if status is not None else wanted)
        show(rows, _CSV if form is Format.csv else _TABLE, form)
        if form is Format.table:
            notes().print(f"{len(rows)} of {total:,} deliveries", style="dim")

    @group.command("show")
    def show_alert(
        message: str = typer.Argument(metavar="ID", help="Id of the delivery, as `alerts list` prints it."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Show one delivery with every attempt."""
        from heliograph.assembly.deliveries import attempt_row, get, row

        with opened(data, config) as here:
            found = get(here, message)
        attempts = [attempt_row(attempt) for attempt in found.attempts]
        show_one({**row(found), "attempts": attempts}, _SHOWN, form)
        if form is Format.table and attempts:
            show(attempts, ("number", "time", "outcome", "status", "seconds", "error"), form, title="attempts")


def _register_retry(group: typer.Typer) -> None:
    @group.command()
    def retry(
        messages: list[str] = typer.Argument(None, metavar="[ID]...", help="Deliveries to send again."),
        failed: bool = typer.Option(False, "--failed", help="All that were given up."),
        channel: str = typer.Option("", "--channel", metavar="NAME", help="With --failed: of this channel only."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Make deliveries due now, with a fresh schedule; a running `heliograph run` sends them within seconds.

        They keep their ids, so that a receiver that has one already knows it. Exit 1 where nothing was retried.
        """
        from heliograph.assembly.deliveries import failed as given_up
        from heliograph.assembly.deliveries import retry as run
        from heliograph.errors import UsageError

        if failed == bool(messages):
            raise UsageError("alerts retry: name deliveries, or say --failed for all that were given up")
        if channel and not failed:
            raise UsageError("alerts retry: --channel goes with --failed")
        with opened(data, config) as here:
            count, settled = run(here, given_up(here, channel) if failed else messages)
        for line in settled:
            notes().print(f"{line}: nothing to retry", markup=False)
        typer.echo(f"{count} to be sent again")
        if not count:
            raise typer.Exit(1)

    @group.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def silence() -> None:
        """Silence a topic or story for a while (not in this release)."""
        from heliograph.errors import UsageError

        raise UsageError("alerts silence: comes with a later release; narrow the policy's query meanwhile")


def _register_channels(group: typer.Typer) -> None:
    @group.command("list")
    def list_channels(
        form: Format = FORMAT_OPTION, data: Path | None = DATA_OPTION, config: Path | None = CONFIG_OPTION
    ) -> None:
        """List the channels of the settings and the policies that use them."""
        from heliograph.assembly.deliveries import channel_rows

        with opened(data, config) as here:
            rows = channel_rows(here)
        show(rows, ("name", "type", "target", "policies"), form, title="channels")

    @group.command("test")
    def test_channel(
        name: str = typer.Argument(help="Name of the channel."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Send a test message to a channel; exit 1 where it does not take it."""
        from heliograph.assembly.deliveries import test_channel as send

        with opened(data, config) as here:
            typer.echo(send(here, name))
