"""`heliograph search`: what is indexed, as the web page finds it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, ZONE_OPTION, opened, zone_of
from heliograph.cli.output import FORMAT_OPTION, Format, notes, show


class Scope(StrEnum):
    """Where to look."""

    flagged = "flagged"
    all = "all"


class Order(StrEnum):
    """What comes first."""

    newest = "newest"
    oldest = "oldest"
    score = "score"


_TABLE = ("time", "language", "source", "topics", "title")
_CSV = ("time", "language", "source", "topics", "title", "url", "id")


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def search(
        query: str = typer.Argument(help="The query; * asks for everything."),
        *,
        since: str = typer.Option("", "--since", metavar="TIME", help="From: RFC 3339, a date, or now-7d."),
        until: str = typer.Option("", "--until", metavar="TIME", help="Up to, not included: as --since."),
        time_zone: str = ZONE_OPTION,
        scope: Scope = typer.Option(Scope.flagged, "--scope", help="Flagged articles, or all that are kept."),
        limit: int = typer.Option(20, "--limit", min=1, max=10_000, help="Articles to print at most."),
        sort: Order = typer.Option(Order.newest, "--sort", help="What comes first."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Search the indexed articles, also while `heliograph run` is writing them.

        Finding nothing is an answer: exit 0, with a note on stderr. A query that cannot be read is shown with the
        place that is wrong: exit 2.
        """
        from heliograph.assembly.found import Question, item, line
        from heliograph.assembly.found import search as run
        from heliograph.errors import QueryError
        from heliograph.query.render import render_error

        try:
            with opened(data, config) as here:
                question = Question(
                    query=query,
                    since=since,
                    until=until,
                    zone=zone_of(here.settings, time_zone),
                    scope="flagged" if scope is Scope.flagged else "archive",
                    sort=sort.value,
                    limit=limit,
                )
                total, hits = run(here, question)
        except QueryError as error:
            typer.echo(f"heliograph: {render_error(error)}", err=True)
            raise typer.Exit(2) from error
        row = item if form is Format.json else line
        show([row(hit) for hit in hits], _CSV if form is Format.csv else _TABLE, form)
        if form is Format.table or not total:
            notes().print(f"{len(hits)} of {total:,} articles" if total else "nothing found", style="dim")
