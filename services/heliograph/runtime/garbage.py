"""How a process that serves for long collects garbage."""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 50)
"""Batches make thousands of objects that live for a moment; the defaults would look at them again and again."""


def settle() -> None:
    """Take what is there now for what stays: no later collection walks it. Called once a process has been composed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
