"""Writes each alert as one line to standard output, for trials, pipes and service logs.

Options:
    format: `text` (the default) for a line that people read, `json` for the body that a webhook would carry.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Literal

import msgspec

from heliograph.alert.channels import Tools
from heliograph.alert.format import line, webhook_body
from heliograph.alert.port import Alert, NotDelivered, Receipt

EXAMPLE: Mapping[str, object] = {"name": "terminal", "type": "stdout", "format": "text"}
STOPS: frozenset[int] = frozenset()


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    format: Literal["text", "json"] = "text"


class StdoutNotifier:
    """Notifier on this process's standard output."""

    target = "standard output"

    def __init__(self, channel: str, options: Options) -> None:
        self._channel = channel
        self._json = options.format == "json"

    async def send(self, alert: Alert) -> Receipt:
        text = webhook_body(alert).decode() if self._json else line(alert)
        try:
            # In a thread: a full pipe blocks, and must not hold up the other channels.
            await asyncio.to_thread(_write, f"{text}\n")
        except (OSError, ValueError) as error:
            reason = "closed" if isinstance(error, ValueError) else error.strerror or type(error).__name__
            raise NotDelivered(
                f"channel {self._channel}: standard output cannot be written ({reason})", outcome="write"
            ) from error
        return Receipt()

    async def close(self) -> None:
        """Standard output is not ours to close."""


def _write(text: str) -> None:
    # Looked up at every call: a process may change where its output goes. Bytes the terminal lacks are escaped.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def create(channel: str, options: Options, tools: Tools) -> StdoutNotifier:  # noqa: ARG001 - one signature for all
    """Return the notifier; see the module for the options."""
    return StdoutNotifier(channel, options)
