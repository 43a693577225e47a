"""`heliograph scan`: articles on stdin, what each matches on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from heliograph.cli.common import CONFIG_OPTION, definitions, load
from heliograph.cli.output import console, notes, printable, show_excerpt, write_line

if TYPE_CHECKING:
    from rich.console import Console

    from heliograph.core.article import Evidence
    from heliograph.detect.scan import Scanned


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def scan(
        topics: Path | None = typer.Option(None, "--topics", metavar="DIR", help="Folder of topics/ and concepts/."),
        explain: bool = typer.Option(
            False,
            "--explain",
            help="Add why: the parts of a score and of the query; at a terminal, the places in their text.",
        ),
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
                write_line(answer.as_json(explain=explain))
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
        parts = ((name, getattr(hit.parts, name)) for name in hit.parts.__struct_fields__)
        sum_of = " + ".join(f"{name} {points:.2f}" for name, points in parts if points)
        head = Text.assemble("  ", (hit.topic, "bold green"), f"  version {hit.version}  score {hit.score:.2f}")
        screen.print(head.append(f" = {sum_of}", "dim"))
        for clause, pieces in _by_clause(hit.evidence).items():
            screen.print(Text.assemble("    ", (printable(clause), "cyan")))
            for piece in pieces:
                published = answer.article.title if piece.field == "title" else answer.article.text
                name = f"@{piece.concept} " if piece.concept else ""
                where = f"  {f'{piece.field} {piece.start}-{piece.end}':<16}"
                show_excerpt(screen, published, piece.start, piece.end, head=where, tail=f"{name}{piece.term}")


def _by_clause(evidence: Iterable[Evidence]) -> dict[str, list[Evidence]]:
    """Return the pieces by the part of the query that they satisfy, each part where its first piece stands."""
    found: dict[str, list[Evidence]] = {}
    for piece in evidence:
        found.setdefault(piece.clause, []).append(piece)
    return found
