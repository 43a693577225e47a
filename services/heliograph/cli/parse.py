"""`heliograph parse`: feed files to JSON Lines, one an item."""

from __future__ import annotations

from pathlib import Path

import typer

from heliograph.cli.output import write_line


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def parse(
        files: list[Path] = typer.Argument(metavar="FILE...", help="Feed files; - reads stdin."),
        url: str = typer.Option("", "--url", metavar="BASE", help="Address that relative links are resolved against."),
        content_type: str = typer.Option("", "--content-type", metavar="CT", help="Content-Type the server sent."),
    ) -> None:
        """Turn feeds (RSS, RDF, Atom, JSON Feed) into JSON Lines, one an item in feed order."""
        from heliograph.parse.output import parse_to_json_lines

        failed = False
        for file in files:
            try:
                body = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
            except OSError as error:
                failed = True
                write_line({"file": str(file), "error": f"cannot be read: {error.strerror}"})
                continue
            for line in parse_to_json_lines(str(file), body, url, content_type):
                failed = failed or "error" in line
                write_line(line)
        if failed:
            raise typer.Exit(1)
