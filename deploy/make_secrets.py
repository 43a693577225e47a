"""Makes the files that compose.yaml mounts as secrets; what is there already stays as it is.

    python3 deploy/make_secrets.py [FOLDER]

The folder is for its owner alone (0700). The files in it may be read by all (0444), because Compose mounts them with
the owner and mode that they have on the host, and containers run under other numbers than yours.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

WEBHOOK_URL = "http://127.0.0.1:9/"
"""Discards what Alertmanager sends, until the file says another address."""


def password() -> str:
    """Return a password of 192 random bits that needs no quoting anywhere."""
    return secrets.token_urlsafe(24)


def signing_key() -> str:
    """Return a key as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


FILES: dict[str, Callable[[], str]] = {
    "elastic_password": password,
    "kibana_password": password,
    "heliograph_password": password,
    "grafana_password": password,
    "webhook_secret": signing_key,
    "alertmanager_webhook_url": lambda: WEBHOOK_URL,
}


def make(folder: Path) -> list[str]:
    """Make what is missing; return the names of what was made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = []
    for name, value in FILES.items():
        path = folder / name
        if not path.exists():
            path.write_text(value(), "utf-8")
            made.append(name)
        path.chmod(0o444)
    return made


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "secrets"
    print(f"{target}: made {', '.join(make(target)) or 'nothing: all are there'}")
