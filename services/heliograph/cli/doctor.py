"""`heliograph doctor`: what is not well, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, load
from heliograph.cli.output import FORMAT_OPTION, Format, notes, show


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def doctor(
        send: bool = typer.Option(False, "--send", help="Send a test message to each channel."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Look at settings, stores, channels, clock and disk: a line each; exit 1 where anything fails.

        Nothing is made or changed; ask before the first start, or beside a running `heliograph run`.
        """
        from heliograph.assembly.doctor import Finding, examine
        from heliograph.compose import world
        from heliograph.errors import SettingsError

        findings: list[Finding] = []
        with notes().status("looking"):
            try:
                findings += examine(load(config, {"data": data}), world, send=send)
            except SettingsError as error:
                findings.append(Finding("settings", "fail", str(error), "correct it; nothing else can be looked at"))
        rows = [asdict(finding) for finding in findings]
        if form is Format.table:
            advice = [{"what": f"-> {row['to_do']}"} if row["to_do"] else {} for row in rows]
            lines = [line for pair in zip(rows, advice, strict=True) for line in pair if line]
            show(lines, ("check", "status", "what"), form)
        else:
            show(rows, ("check", "status", "what", "to_do"), form)
        if any(finding.status == "fail" for finding in findings):
            raise typer.Exit(1)
