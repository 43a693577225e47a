"""One poll from the request to what it leaves behind; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from time import monotonic

from heliograph.core.event import DeadLetter
from heliograph.errors import BadInput, FeedError, FetchError, Unavailable
from heliograph.fetch.articles import ORIGIN, Stamp, body_hash, envelopes, name_items, newest
from heliograph.fetch.caching import fresh_for
from heliograph.fetch.commit import Append, Bury, Committer, Work
from heliograph.fetch.decide import (
    Answer,
    Decision,
    Failed,
    Imported,
    Outcome,
    Policy,
    Unchanged,
    classify,
    is_baseline,
    next_poll,
)
from heliograph.fetch.port import (
    Feed,
    Fetcher,
    FetchRequest,
    FetchResult,
    Ledger,
    Observer,
    ParseBody,
    ParsedFeed,
    Share,
    Update,
)
from heliograph.fetch.urls import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the service is given by the composition root."""

    ledger: Ledger
    share: Share
    fetcher: Fetcher
    parse: ParseBody
    append: Append
    bury: Bury
    observer: Observer


@dataclass(slots=True)
class Poll:
    """One poll under way."""

    feed: Feed
    started: float = field(default_factory=monotonic)
    received: int = 0
    """Bytes of body on the wire."""
    held: int = 0
    """Decoded bytes in memory."""


class Poller:
    """Fetches and judges one feed at a time, any number at once."""

    def __init__(
        self,
        ports: Ports,
        policy: Policy,
        now: Callable[[], datetime],
        chance: Callable[[], float],
        committer: Committer,
    ) -> None:
        self._ports = ports
        self._policy = policy
        self._now = now
        self._chance = chance
        self._committer = committer

    async def examine(self, poll: Poll, hold: Callable[[Poll, int], None]) -> tuple[Work, Decision]:
        """Return what the poll leaves behind. Raises nothing but cancellation: every failure is an outcome.

        `hold` is told of the decoded body as soon as it is in memory.
        """
        feed = poll.feed
        request = FetchRequest(
            url=feed.subscription.url,
            etag=feed.state.etag,
            last_modified=feed.state.last_modified,
            wanted=partial(self._ports.share.holds, feed.subscription.id),
        )
        try:
            result = await self._ports.fetcher.fetch(request)
            poll.received = result.received
            hold(poll, len(result.body or b""))
            return await self._read(feed, result)
        except FetchError as error:
            return self._conclude(feed, Failed(error.reason, str(error), error.retry_after))
        except Exception as error:  # noqa: BLE001 - a fault of ours in one feed must show in its row and stop no other
            message = f"{feed.subscription.id}: {type(error).__name__} while its document was worked on: {error}"
            return self._conclude(feed, Failed("internal-error", message[:500]))

    async def _read(self, feed: Feed, result: FetchResult) -> tuple[Work, Decision]:
        answer = Answer(
            status=result.status,
            etag=result.headers.get("etag", ""),
            last_modified=result.headers.get("last-modified", ""),
            fresh_for=fresh_for(result.headers, self._now()),
            permanent_url=result.permanent_url,
        )
        if result.body is None:
            return self._conclude(feed, Unchanged(answer))
        digest = body_hash(result.body)
        if digest == feed.state.body_hash:
            return self._conclude(feed, Unchanged(answer, same_body=True))
        content_type = result.headers.get("content-type", "")
        try:
            parsed = await self._ports.parse(result.body, content_type, result.url, feed.subscription)
        except BadInput as error:
            reason = error.reason if isinstance(error, FeedError) else "not-a-feed"
            failed = Failed(reason, str(error), bad_body_hash=digest)
            letter = DeadLetter(
                stage=ORIGIN,
                reason=reason,
                cause=str(error),
                payload=result.body,
                origin=f"{feed.subscription.id} {shown(result.url)}",
                content_type=content_type,
            )
            return self._conclude(feed, failed, letters=() if digest == feed.state.bad_body_hash else (letter,))
        except Unavailable as error:
            return self._conclude(feed, Failed("parser-away", str(error), error.retry_after))
        return await self._committer.insist(partial(self._import, feed, parsed, answer, digest))

    def _import(self, feed: Feed, parsed: ParsedFeed, answer: Answer, digest: str) -> tuple[Work, Decision]:
        """Compare the document with what is remembered; runs in a thread, for it reads the ledger."""
        names = name_items(feed.subscription.id, parsed)
        found = classify(names, self._ports.ledger.known(feed.subscription.id, [name for name, _ in names]))
        stamp = Stamp(self._now(), is_baseline(feed.state))
        imported = Imported(
            answer=answer,
            body_hash=digest,
            new=len(found.new),
            changed=len(found.changed),
            total=len(found.new) + len(found.changed) + len(found.unchanged),
            newest=newest(parsed),
        )
        wanted = sorted((*found.new, *found.changed))
        events = envelopes(feed.subscription, parsed, names, wanted, stamp)
        kept = sorted((*wanted, *found.unchanged))
        work, decision = self._conclude(feed, imported)
        return replace(work, events=events, update=replace(work.update, seen=dict(names[i] for i in kept))), decision

    def _conclude(self, feed: Feed, outcome: Outcome, letters: tuple[DeadLetter, ...] = ()) -> tuple[Work, Decision]:
        decision = next_poll(feed.state, outcome, self._now(), self._policy, self._chance())
        return Work(Update(decision.state), letters=letters), decision
