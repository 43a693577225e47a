"""`heliograph sanitize`: clean HTML as it is cleaned for display, and make it into text for matching."""

from __future__ import annotations

import json
import sys

import typer

from heliograph.cli.output import write_line


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def sanitize() -> None:
        """Read JSON Lines {"html"} from stdin, write {"html", "text"} to stdout."""
        from heliograph.parse.output import sanitize_line

        failed = False
        for number, line in enumerate(sys.stdin.buffer, start=1):
            if not line.strip():
                continue
            try:
                given = json.loads(line)
                if not isinstance(given, dict) or not isinstance(given.get("html"), str):
                    raise ValueError("it is none")
                write_line(sanitize_line(given))
            except (ValueError, RecursionError) as error:
                failed = True
                write_line({"error": f"line {number}: expected one JSON object with a text `html`: {error}"})
        if failed:
            raise typer.Exit(1)
