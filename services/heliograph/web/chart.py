"""Pure: a histogram's buckets as the bars of an SVG, and in words for those who do not see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from heliograph.web.port import TimeBucket

WIDTH: Final = 720
HEIGHT: Final = 72
_GAP = 1.0
_NAMES = ((86400 * 7, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket: where it is drawn, in user units of the SVG, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A histogram ready to draw; `summary` says in words what it shows."""

    bars: tuple[Bar, ...]
    peak: int
    interval: str
    summary: str

    @property
    def filled(self) -> tuple[Bar, ...]:
        """The bars that count anything, for the table beside the picture."""
        return tuple(bar for bar in self.bars if bar.count)


def draw(buckets: Sequence[TimeBucket], interval: float) -> Chart:
    """Lay the buckets out over WIDTH x HEIGHT. A bucket with one document stays visible."""
    if not buckets:
        return Chart((), 0, interval_name(interval), "No articles to count.")
    peak = max(bucket.count for bucket in buckets)
    slot = WIDTH / len(buckets)
    bars = []
    for at, bucket in enumerate(buckets):
        height = max(2.0, HEIGHT * bucket.count / peak) if bucket.count else 0.0
        bars.append(
            Bar(
                x=round(at * slot, 2),
                y=round(HEIGHT - height, 2),
                width=round(max(slot - _GAP, slot * 0.5), 2),
                height=round(height, 2),
                start=bucket.start,
                end=bucket.start + timedelta(seconds=interval),
                count=bucket.count,
            )
        )
    top = max(bars, key=lambda bar: bar.count)
    name = interval_name(interval)
    summary = (
        f"Articles over time, one bar for each {name}, "
        f"from {bars[0].start:%-d %b %Y %H:%M} to {bars[-1].end:%-d %b %Y %H:%M} UTC; "
        f"most, {peak}, from {top.start:%-d %b %Y %H:%M}."
    )
    return Chart(tuple(bars), peak, name, summary)


def interval_name(seconds: float) -> str:
    """Return `hour`, `3 hours`, `day` and the like."""
    for size, name in _NAMES:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return name if number == 1 else f"{number} {name}s"
    return f"{seconds:g} seconds"
