"""How long to wait before the next try; pure, so that every schedule can be tested by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full spread below: it grows to `most` seconds and never gives up by itself."""

    first: float = 0.5
    factor: float = 2.0
    most: float = 30.0
    spread: float = 0.3
    """Part of the wait that jitter may take away, so that what failed together does not come back together."""

    def delay(self, failures: int, jitter: float) -> float:
        """Return the seconds to wait after `failures` (at least 1) in a row; `jitter` lies in [0, 1)."""
        # Capping the exponent keeps the power finite after days of failures.
        grown = min(self.most, self.first * self.factor ** min(failures - 1, 60))
        return grown * (1.0 - self.spread * jitter)
