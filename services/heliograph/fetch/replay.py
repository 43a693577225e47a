"""A Fetcher that answers from recorded bytes: for demonstrations, back-tests and tests.

A folder of recordings holds `index.json`, an object from address to `{"file": NAME, "status": 200, "headers": {…}}`
(all but `file` optional), beside the files named there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from heliograph.errors import DefinitionError, FetchError
from heliograph.fetch.failures import refused_by_server
from heliograph.fetch.port import FetchRequest, FetchResult
from heliograph.fetch.urls import shown


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded answer; header names in lower case."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    file: str
    status: int = 200
    headers: dict[str, str] = {}


class ReplayFetcher:
    """Answers each address with what was recorded for it, and a conditional request for the same bytes with 304.

    An address without a recording fails as `dns`, for the world of a recording ends there.
    """

    def __init__(self, answers: Mapping[str, Recorded]) -> None:
        self._answers = dict(answers)
        self.requests: list[FetchRequest] = []
        """Every request so far, oldest first."""

    @classmethod
    def from_folder(cls, folder: Path) -> ReplayFetcher:
        """Return a fetcher over the recordings in `folder`. Raises DefinitionError naming the file that is wrong."""
        index = folder / "index.json"
        try:
            entries = msgspec.json.decode(index.read_bytes(), type=dict[str, _Entry])
            answers = {
                url: Recorded((folder / Path(entry.file).name).read_bytes(), entry.status, entry.headers)
                for url, entry in entries.items()
            }
        except OSError as error:
            raise DefinitionError(f"{error.strerror}: {error.filename}", place=str(index)) from error
        except msgspec.MsgspecError as error:
            raise DefinitionError(str(error), place=str(index)) from error
        return cls(answers)

    def record(self, url: str, answer: Recorded) -> None:
        """Answer `url` with this from now on."""
        self._answers[url] = answer

    async def fetch(self, request: FetchRequest) -> FetchResult:
        self.requests.append(request)
        answer = self._answers.get(request.url)
        if answer is None:
            raise FetchError(f"{shown(request.url)}: nothing was recorded for it", reason="dns")
        headers = answer.headers
        if (request.etag and request.etag == headers.get("etag")) or (
            request.last_modified and request.last_modified == headers.get("last-modified")
        ):
            return FetchResult(status=304, url=request.url, headers=headers)
        if answer.status not in (200, 203):
            pause = headers.get("retry-after", "")
            raise refused_by_server(request.url, answer.status, float(pause) if pause.isdigit() else None)
        return FetchResult(
            status=answer.status, url=request.url, headers=headers, body=answer.body, received=len(answer.body)
        )

    async def close(self) -> None:
        """Nothing is held open."""
