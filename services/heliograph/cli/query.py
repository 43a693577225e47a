"""`heliograph query explain`: what a query means, and what each engine is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from heliograph.cli.common import CONFIG_OPTION, definitions, load


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
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Show the tree of a query and the plan of the index."""
        from heliograph.errors import QueryError, UsageError
        from heliograph.index.plan import explained, plan
        from heliograph.query.explain import describe
        from heliograph.query.parse import parse
        from heliograph.query.render import render_error

        if tier != "embedded":
            raise UsageError(f"--tier {tier}: this release has the embedded tier only; leave the option out")
        found = definitions(load(config))
        try:
            node = parse(query, concepts=found.terms, now=datetime.now(UTC))
        except QueryError as error:
            typer.echo(render_error(error), err=True)
            raise typer.Exit(2) from error
        typer.echo(f"query\n{_indented(describe(node))}\nembedded plan\n{_indented(explained(plan(node)))}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
