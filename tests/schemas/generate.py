"""Writes `schemas/events/*.schema.json` from the Structs; `--check` only tells whether they are up to date.

The Structs are the source, the files are what other programs read; the check keeps the two the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from heliograph.core import event
from heliograph.core.codec import SCHEMA_VERSION

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "events"
PAYLOADS = (event.ArticleFetched, event.ArticleMatched, event.ArticleFlagged, event.DeadLetter)


def schemas() -> dict[str, dict[str, Any]]:
    """Return file name -> schema of the envelope around each payload."""
    found = {}
    for payload in PAYLOADS:
        tag = str(payload.__struct_config__.tag)
        envelope = msgspec.defstruct(
            "Envelope",
            [
                (f.name, payload if f.name == "data" else f.type) if f.required else (f.name, f.type, f.default)
                for f in msgspec.structs.fields(event.Envelope)
            ],
            kw_only=True,
        )
        schema = msgspec.json.schema(envelope)
        found[f"{tag}.schema.json"] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"https://heliograph.example/schemas/events/{tag}.v{SCHEMA_VERSION}.schema.json",
            "title": f"{tag}, version {SCHEMA_VERSION}",
            **schema,
        }
    return found


def rendered() -> dict[Path, str]:
    """Return the full text of every schema file."""
    return {FOLDER / name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}


def main() -> int:
    """Write the files, or with `--check` compare them."""
    check = "--check" in sys.argv
    stale = []
    for path, text in rendered().items():
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run `python tests/schemas/generate.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
