"""`heliograph feeds`: subscriptions and their ledger."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, opened
from heliograph.cli.output import FORMAT_OPTION, Format, ago, notes, show, show_one


class Status(StrEnum):
    """How a feed is doing."""

    new = "new"
    ok = "ok"
    failing = "failing"
    paused = "paused"


_TABLE = ("id", "status", "answered", "new_item", "next_poll", "failures", "items", "reason")
_CSV = (
    *("id", "title", "url", "source", "country", "ownership", "language", "evidence", "status", "reason"),
    *("last_success", "last_new_item", "next_poll", "failures", "items", "last_error"),
)
_REPORT = (
    *("url", "ok", "verdict", "reason", "final_url", "status", "content_type", "received", "decoded", "seconds"),
    *("title", "items", "newest", "samples", "notes"),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(help="Subscriptions and how each is doing.", no_args_is_help=True)
    app.add_typer(group, name="feeds")
    _register_list(group)
    _register_edits(group)
    _register_looks(group)
    _register_opml(group)


def _register_list(group: typer.Typer) -> None:
    @group.command("list")
    def list_feeds(
        status: Status | None = typer.Option(None, "--status", help="Only feeds that are doing so."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """List every subscription with its ledger: when it answered, what it brought, when it is polled next."""
        from heliograph.assembly.subscriptions import listed

        with opened(data, config) as here:
            every, now = listed(here), here.now()
        rows = [row for row in every if status is None or row["status"] == status.value]
        if form is Format.table:
            for row in rows:
                row |= {
                    "answered": ago(row["last_success"], now),
                    "new_item": ago(row["last_new_item"], now),
                    "next_poll": "due" if row["next_poll"] and row["next_poll"] <= now else ago(row["next_poll"], now),
                }
        show(rows, _CSV if form is Format.csv else _TABLE, form)
        if form is Format.table:
            counts = (f"{sum(row['status'] == one.value for row in every)} {one.value}" for one in Status)
            notes().print(f"{len(every)} feeds: {', '.join(counts)}", style="dim")


def _register_edits(group: typer.Typer) -> None:
    @group.command()
    def add(
        url: str = typer.Argument(help="Address of the feed."),
        title: str = typer.Option("", "--title", help="Name of the outlet."),
        language: str = typer.Option("", "--language", metavar="TAG", help="Language that it writes in, such as ka."),
        country: str = typer.Option("", "--country", metavar="CC", help="Country of the outlet, such as ge, or int."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Subscribe to a feed; a running `heliograph run` polls it within seconds."""
        from heliograph.assembly.subscriptions import add as subscribe
        from heliograph.fetch.urls import shown

        with opened(data, config) as here:
            made = subscribe(here, url, title=title, language=language, country=country)
        typer.echo(f"subscribed to {shown(made.url)} as {made.id}")

    @group.command()
    def remove(
        feed: str = typer.Argument(metavar="ID", help="The feed's id or address."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Unsubscribe from a feed; what it brought stays. One of the sources file is paused instead."""
        from heliograph.assembly.subscriptions import remove as unsubscribe
        from heliograph.fetch.urls import shown

        with opened(data, config) as here:
            found, gone = unsubscribe(here, feed)
        kept = f"paused: it stands in the sources file; `heliograph feeds add {shown(found.url)}` polls it again"
        typer.echo(f"{found.id} {'removed' if gone else kept}")


def _register_looks(group: typer.Typer) -> None:
    @group.command()
    def check(
        url: str = typer.Argument(help="Address to fetch."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Fetch and parse an address once, as a poll would, and keep nothing; exit 1 where it is no feed."""
        from heliograph.assembly.subscriptions import look

        with opened(data, config) as here:
            report = look(here, url)
        show_one(asdict(report), _REPORT, form)
        if form is Format.table:
            for one in report.candidates[:5]:
                notes().print(f"may be a feed: {one.url} ({one.evidence})", markup=False)
        if not report.ok:
            raise typer.Exit(1)

    @group.command("discover")
    def find_feeds(
        url: str = typer.Argument(help="Address of a web page."),
        probe: bool = typer.Option(False, "--probe", help="Fetch each candidate once, and list only what is a feed."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """List the feeds that a web page names, and where feeds commonly are; exit 1 where it names none."""
        from heliograph.assembly.subscriptions import discovered

        with opened(data, config) as here:
            candidates, reports = discovered(here, url, probe=probe)
        rows = [
            asdict(one) | ({"verdict": reports[one.url].verdict} if probe else {})
            for one in candidates
            if not probe or reports[one.url].ok
        ]
        show(rows, ("url", "title", "kind", "evidence", *(["verdict"] if probe else [])), form)
        if not (rows if probe else [row for row in rows if row["evidence"] != "guessed"]):
            raise typer.Exit(1)


def _register_opml(group: typer.Typer) -> None:
    @group.command("import")
    def import_list(
        file: Path = typer.Argument(metavar="OPML", help="The list; - reads stdin."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Subscribe to every feed of an OPML list, or to none where anything in it is wrong."""
        from heliograph.assembly.subscriptions import import_opml

        content = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
        with opened(data, config) as here:
            found = import_opml(here, content, "stdin" if str(file) == "-" else str(file))
        typer.echo(f"{found.added} added, {found.switched_on} switched on again, {found.present} subscribed already")

    @group.command("export")
    def export_list(
        everything: bool = typer.Option(False, "--all", help="Paused feeds as well."),
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Write the subscriptions to stdout as OPML, with the credentials that their addresses hold."""
        from heliograph.assembly.subscriptions import export_opml

        with opened(data, config) as here:
            sys.stdout.write(export_opml(here, everything=everything).decode("utf-8"))
