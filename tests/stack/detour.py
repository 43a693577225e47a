"""A way to a server that leads through a test: answers can be made up, changed or lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HEADERS = {"x-elastic-product": "Elasticsearch", "content-type": "application/vnd.elasticsearch+json;compatible-with=9"}


class Asked(NamedTuple):
    """One request on its way."""

    method: str
    path: str
    body: bytes


Answer = tuple[int, bytes]
Forward = Callable[[Asked], Answer]
Rule = Callable[[Asked, Forward], Answer | None]
"""Is given a request and the way on; returns the answer, or None to drop the connection."""


@contextmanager
def detour(upstream: str, rule: Rule) -> Iterator[str]:
    """Serve an address on loopback from which every request goes through `rule`."""

    def forward(asked: Asked) -> Answer:
        headers = {"content-type": "application/x-ndjson" if asked.path.endswith("_bulk") else "application/json"}
        request = Request(upstream + asked.path, asked.body or None, headers, method=asked.method)
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found = rule(Asked(self.command, self.path, body), forward)
            if found is None:
                self.close_connection = True
                return
            status, content = found
            self.send_response(status)
            for name, value in {**HEADERS, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815 - the base class names them so

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
