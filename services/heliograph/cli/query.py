"""`heliograph query explain`: what a query means, and what each engine is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from heliograph.cli.common import CONFIG_OPTION, ZONE_OPTION, definitions, load, zone_of

if TYPE_CHECKING:
    from heliograph.query.tree import Node


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(help="Look into queries.", no_args_is_help=True)
    app.add_typer(group, name="query")

    @group.callback()
    def query() -> None:
        """Look into queries."""

    @group.command()
    def explain(
        query: str = typer.Argument(help="The query."),
        tier: str = typer.Option("embedded", "--tier", help="Whose plan to show."),
        time_zone: str = ZONE_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Show the tree of a query, and the plan of the embedded index or the body that Elasticsearch is asked."""
        from heliograph.errors import QueryError, UsageError
        from heliograph.query.explain import describe
        from heliograph.query.parse import parse
        from heliograph.query.render import render_error

        if tier not in ("embedded", "distributed"):
            raise UsageError(f"--tier {tier}: there are embedded and distributed")
        settings = load(config)
        zone, found = zone_of(settings, time_zone), definitions(settings)
        try:
            node = parse(query, concepts=found.terms, now=datetime.now(UTC), zone=zone)
        except QueryError as error:
            typer.echo(render_error(error), err=True)
            raise typer.Exit(2) from error
        title, asked = _plan(node) if tier == "embedded" else _body(node)
        typer.echo(f"query\n{_indented(describe(node))}\n{title}\n{_indented(asked)}")


def _plan(node: Node) -> tuple[str, str]:
    from heliograph.index.plan import explained, plan

    return "embedded plan", explained(plan(node))


def _body(node: Node) -> tuple[str, str]:
    from heliograph.index.elastic_body import bounds_of, explained

    return "Elasticsearch body", explained(bounds_of(node))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
