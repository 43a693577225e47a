"""What several verbs share: options, settings, definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from datetime import tzinfo

    from heliograph.assembly.world import World
    from heliograph.detect.files import Definitions
    from heliograph.settings import Settings

CONFIG_OPTION = typer.Option(None, "--config", metavar="FILE", help="Settings file (default: heliograph.toml).")
DATA_OPTION = typer.Option(None, "--data", metavar="DIR", help="Data folder.")
ZONE_OPTION = typer.Option(
    "", "--time-zone", metavar="ZONE", help="Zone of dates without an offset, such as Asia/Baku (default: `time_zone`)."
)
FOLDER_OPTION = typer.Option(None, "--topics", metavar="DIR", help="One more folder of topics/ and concepts/.")


def load(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings; flags that are None count as not given. Sets up logs for warnings and above."""
    from heliograph.runtime.logs import configure_logs
    from heliograph.settings import load_settings

    settings = load_settings(config, flags)
    configure_logs("warning", settings.logs.form)
    return settings


def zone_of(settings: Settings, written: str) -> tzinfo:
    """Return the zone that `--time-zone` names, that of the settings where it is empty. Raises UsageError."""
    from heliograph.errors import UsageError
    from heliograph.query.zones import read_zone

    try:
        return read_zone(written or settings.time_zone)
    except ValueError as error:
        raise UsageError(f"--time-zone: {error}") from error


@contextmanager
def opened(data: Path | None, config: Path | None, *, writes_index: bool = False) -> Iterator[World]:
    """Give the installation that the options name, and close what was opened of it."""
    from heliograph.compose import world

    here = world(load(config, {"data": data}), writes_index=writes_index)
    try:
        yield here
    finally:
        here.close()


def definitions(settings: Settings | None, folder: Path | None = None) -> Definitions:
    """Return topics and concepts: the shipped ones, then the user's, then those of `folder`."""
    from heliograph.detect.files import defaults_folder, load_definitions
    from heliograph.errors import UsageError

    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give one that holds topics/ and concepts/")
    own = [settings.data] if settings is not None else []
    return load_definitions([defaults_folder(), *own, *([folder] if folder else [])])
