"""Between parse and fetch: a body goes to a child process, its items come back in fetch's own words."""

from __future__ import annotations

from heliograph.fetch.port import ParsedFeed, ParsedItem, Subscription
from heliograph.parse.worker import SandboxedParser
from heliograph.runtime.sandbox import Sandbox


class Parsing:
    """`fetch.port.ParseBody` over the sandboxed parser. Raises FeedError; blocks no event loop."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._parser = SandboxedParser(sandbox)

    async def __call__(self, body: bytes, content_type: str, url: str, subscription: Subscription) -> ParsedFeed:
        feed = await self._parser.parse(body, content_type, url, subscription.language)
        return ParsedFeed(
            title=feed.title,
            link=feed.link,
            items=tuple(
                ParsedItem(
                    link=item.link,
                    guid=item.guid,
                    title=item.title,
                    text=item.text,
                    html=item.html,
                    language=item.language,
                    authors=item.authors,
                    categories=item.categories,
                    published=item.published,
                    updated=item.updated,
                )
                for item in feed.items
            ),
            problems=feed.problems,
        )
