"""What the stories room needs of its neighbours: the events that it flagged before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from heliograph.core.event import Envelope


class Past(Protocol):
    """Gives back the room's own ArticleFlagged events, to rebuild the window from after a start.

    Promises: oldest first, in the order in which they were appended; at least those of the last window (96 hours
    unless told otherwise); every event that the stage has ever handed out and that was kept. Older events, and events
    of other types, do no harm. Raises Unavailable while the log cannot be read: the stage asks again then.
    """

    def __call__(self) -> Iterable[Envelope]: ...
