"""What several verbs share: options, settings, definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from heliograph.assembly.world import World
    from heliograph.detect.files import Definitions
    from heliograph.settings import Settings

CONFIG_OPTION = typer.Option(None, "--config", metavar="FILE", help="Settings file (default: heliograph.toml).")
DATA_OPTION = typer.Option(None, "--data", metavar="DIR", help="Data folder.")
FOLDER_OPTION = typer.Option(None, "--topics", metavar="DIR", help="One more folder of topics/ and concepts/.")


def load(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings; flags that are None count as not given. Sets up logs for warnings and above."""
    from heliograph.runtime.logs import configure_logs
    from heliograph.settings import load_settings

    settings = load_settings(config, flags)
    configure_logs("warning", settings.logs.form)
    return settings


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
