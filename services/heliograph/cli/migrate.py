"""`heliograph migrate`: from the embedded tier to Kafka and Elasticsearch."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, load
from heliograph.cli.output import FORMAT_OPTION, Format, notes, show

_COLUMNS = ("what", "there", "written", "same")


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def migrate(
        to: str = typer.Option(..., "--to", metavar="TIER", help="distributed."),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Copy log, indexes, ledger and alert history of this data folder to the servers that the settings name.

        Stop `heliograph run` first. Nothing is removed here, and a migration that was cut off is simply begun again:
        what arrived is not written twice. Both sides are compared at the end; exit 1 where they differ.
        """
        from heliograph.assembly.migrate import Moved, migrate
        from heliograph.compose import world
        from heliograph.errors import UsageError

        if to != "distributed":
            raise UsageError(f"--to {to}: there is distributed alone; going back is a restore of the data folder")
        settings = load(config, {"data": data})
        tiers: tuple[Literal["embedded"], Literal["distributed"]] = ("embedded", "distributed")
        here, there = (world(settings.model_copy(update={"tier": tier})) for tier in tiers)
        moved: list[Moved] = []
        try:
            if not (settings.data / "log.sqlite").is_file():
                raise UsageError(f"{settings.data} holds no installation: name its folder with --data")
            _require_nobody(settings.data)
            # What cannot be read here is said before anything is written there.
            _ = here.log, here.ledger, here.alerts
            for line in there.tier.prepare(there.log):
                notes().print(f"not as declared: {line}", style="yellow")
            with notes().status("migrating") as status:
                done: Counter[str] = Counter()

                def note(what: str, count: int) -> None:
                    done[what] += count
                    status.update(f"{what}: {done[what]:,}")

                moved += migrate(here, there, note)
        finally:
            there.close()
            here.close()
        show([{**asdict(each), "same": each.same} for each in moved], _COLUMNS, form)
        notes().print(_next_steps(settings.data), style="dim")
        if not all(each.same for each in moved):
            raise typer.Exit(1)


def _require_nobody(data: Path) -> None:
    """Raise UsageError where a program still uses the folder, whichever of its services it runs."""
    from heliograph.assembly.doctor_stores import in_use
    from heliograph.errors import IndexUnavailable, UsageError
    from heliograph.index.embedded import EmbeddedIndex

    # What is appended behind our back would be left behind, and nobody would miss it.
    for name in ("log.sqlite", "ledger.sqlite", "alerts.sqlite"):
        if (data / name).is_file() and in_use(data / name):
            raise UsageError(f"{data} is in use: stop `heliograph run` first (another process has {name} open)")
    for folder in (data / "index").glob("*/meta.json"):
        try:
            EmbeddedIndex(folder.parent).close()
        except IndexUnavailable as error:
            raise UsageError(f"{data} is in use: stop `heliograph run` first ({error})") from error


def _next_steps(data: Path) -> str:
    from heliograph.detect.files import KINDS

    files = [path for kind in KINDS for path in (data / kind).glob("*.y*ml")]
    folders = " and ".join(f"{data}/{kind}" for kind in dict.fromkeys(path.parent.name for path in files))
    copy = (
        f"copy {len(files)} files of {folders} into the data folder of every machine that runs detect, alert or web; "
        if files
        else ""
    )
    return f'{copy}set tier = "distributed" and start the services'
