"""What a batch of claims makes and changes, given what is there: for a store that cannot do it in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from heliograph.alert.port import UPDATED, Delivery, Status


@dataclass(frozen=True, slots=True)
class Plan:
    """`created` and `changed` by message id, in the order of the claims; `changed` is what was there, as it is to be.

    Do `changed` first: it can be done twice, and who is cut off before `created` will claim again.
    """

    created: Mapping[str, Delivery]
    changed: Mapping[str, Delivery]


def plan(wanted: Sequence[Delivery], there: Mapping[str, Delivery]) -> Plan:
    """Return what claiming `wanted`, one after the other, comes to.

    `there` holds what exists of: the messages themselves, the alerts of the updates among them, and the pending updates
    of those alerts.
    """
    state = dict(there)
    made: dict[str, None] = {}
    for delivery in wanted:
        if delivery.id in state:
            continue
        if delivery.alert.kind == UPDATED:
            _grow(state, delivery)
        state[delivery.id] = delivery
        made[delivery.id] = None
    return Plan(
        created={message: state[message] for message in made},
        changed={message: state[message] for message, before in there.items() if state[message] != before},
    )


def _grow(state: MutableMapping[str, Delivery], update: Delivery) -> None:
    alert = update.alert.id
    if (first := state.get(alert)) is not None:
        outlets = max(first.outlets, update.outlets, key=len)
        state[alert] = replace(first, copies=max(first.copies, update.copies), outlets=outlets)
    if update.status is not Status.PENDING:
        return
    for message, known in state.items():
        if known.alert.id == alert and known.alert.kind == UPDATED and known.status is Status.PENDING:
            state[message] = replace(known, status=Status.SUPERSEDED, due=None)
