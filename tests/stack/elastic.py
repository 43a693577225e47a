"""Indexes with names of their own on a shared node, and the bare requests that tests make beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from heliograph.index.elastic import ElasticIndex
from heliograph.schemas import load_schema
from heliograph.settings import ElasticsearchSettings

TEMPLATE = "elasticsearch/documents.json"


class Cluster:
    """One node, and an index prefix that nobody else has; `clean` deletes what stands under it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"t-{uuid4().hex[:12]}-"
        self.opened: list[ElasticIndex] = []

    def index(
        self,
        name: str = "flagged",
        *,
        url: str = "",
        roll_after: timedelta | None = None,
        sleep: Callable[[float], object] = lambda _: None,
    ) -> ElasticIndex:
        """Open an index of this prefix; another `url` leads to the same node by a detour."""
        access = ElasticsearchSettings(url=url or self.url)
        template = load_schema(TEMPLATE)
        opened = ElasticIndex(access, name, template, prefix=self.prefix, roll_after=roll_after, sleep=sleep)
        self.opened.append(opened)
        return opened

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Make a request of our own; raises HTTPError where it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/{path}", data, {"content-type": "application/json"}, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")

    def bulk(self, place: object, source: object) -> Any:
        """Write one document past our index."""
        data = f"{json.dumps({'index': place})}\n{json.dumps(source)}\n".encode()
        request = Request(f"{self.url}/_bulk", data, {"content-type": "application/x-ndjson"}, method="POST")
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def roll(self, name: str = "flagged") -> None:
        """Begin another index behind a name."""
        self.ask("POST", f"{self.prefix}{name}/_rollover")

    def behind(self, name: str = "flagged") -> list[str]:
        """Return the indices of a name, by age."""
        return sorted(self.ask("GET", f"{self.prefix}{name}-*"))

    def clean(self) -> None:
        """Close what was opened, and delete every index and template of this prefix."""
        for opened in self.opened:
            opened.close()
        for index in self.ask("GET", f"{self.prefix}*"):
            self.ask("DELETE", index)
        with suppress(HTTPError):
            self.ask("DELETE", f"_index_template/{self.prefix}*")
