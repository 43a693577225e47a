"""Finds the schema files: in `schemas/` of a checkout, or inside the installed wheel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


def schema_folder() -> Path:
    """Return the folder that holds `events/`, `topic.schema.json` and the rest."""
    installed = _PACKAGE / "_schemas"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "schemas"


def load_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema in file `name`, such as `events/article.fetched.schema.json`."""
    found: dict[str, Any] = json.loads((schema_folder() / name).read_text("utf-8"))
    return found
