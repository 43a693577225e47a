"""What a channel's receiver has told us by its answers, and what follows for whoever sends to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from heliograph.alert.port import NotDelivered
from heliograph.alert.retry import LONGEST_WAIT
from heliograph.errors import DeliveryError


@dataclass(slots=True)
class State:
    """What stands of it; outlives the lane."""

    disabled: str = ""
    """What was said with a permanent refusal; nothing is sent while it stands."""
    paused_until: datetime | None = None
    throttled: bool = False
    """One at a time, until something is delivered."""

    def paused(self, now: datetime) -> bool:
        """Tell whether the receiver has asked for quiet."""
        return self.paused_until is not None and self.paused_until > now

    def took_one(self) -> None:
        """Something was delivered."""
        self.throttled = False

    def refused(self, error: DeliveryError, now: datetime) -> None:
        """Something was not delivered: stop, slow down or pause, as the receiver asks."""
        if error.permanent:
            self.disabled = str(error)
            return
        if isinstance(error, NotDelivered) and error.throttle:
            self.throttled = True
        if error.retry_after:
            until = now + timedelta(seconds=min(error.retry_after, LONGEST_WAIT))
            self.paused_until = max(until, self.paused_until or until)
