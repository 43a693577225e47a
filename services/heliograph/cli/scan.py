"""`heliograph scan`: articles on stdin, what each matches on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from heliograph.cli.common import CONFIG_OPTION, definitions, load
from heliograph.cli.output import console, excerpt, notes, write_line

if TYPE_CHECKING:
    from rich.console import Console

    from heliograph.detect.scan import Scanned


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def scan(
        topics: Path | None = typer.Option(None, "--topics", metavar="DIR", help="Folder of topics/ and concepts/."),
        explain: bool = typer.Option(False, "--explain", help="At a terminal: show each match in its text."),
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Flag articles: JSON Lines (id, title, text; lang, url, published optional) in, one line each out."""
        from heliograph.detect.engine import Engine
        from heliograph.detect.scan import scan as run
        from heliograph.parse.language import detect_language

        found = definitions(load(config), topics)
        for error in found.errors:
            notes().print(f"heliograph: {error}", style="yellow", markup=False)
        engine = Engine(found.compiled.values())
        for_people = explain and sys.stdout.isatty()
        screen = console()
        failed = bool(found.errors)
        for answer in run(sys.stdin.buffer, engine, detect_language):
            failed = failed or bool(answer.error)
            if for_people:
                _print(screen, answer)
            else:
                write_line(answer.as_json())
        if failed:
            raise typer.Exit(1)


def _print(screen: Console, answer: Scanned) -> None:
    from rich.text import Text

    if answer.article is None:
        screen.print(Text(f"{answer.id}: {answer.error}", style="red"))
        return
    screen.print(Text.assemble((str(answer.id), "bold"), "  ", (answer.article.language or "?", "cyan")))
    if not answer.hits:
        screen.print(Text("  no topic asks for it", style="dim"))
    for hit in answer.hits:
        screen.print(Text.assemble("  ", (hit.topic, "bold green"), f"  score {hit.score:.2f}  version {hit.version}"))
        for piece in hit.evidence:
            published = answer.article.title if piece.field == "title" else answer.article.text
            name = f"@{piece.concept} " if piece.concept else ""
            head = f"{piece.field} {piece.start}-{piece.end}  {name}{piece.term}"
            screen.print(excerpt(head, published, piece.start, piece.end))
