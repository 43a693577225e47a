"""A proxy on loopback that loses answers: it stands between a client and a real server."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PASS, LOSE, REFUSE = "pass", "lose", "refuse"
"""Hand on request and answer; hand on the request and keep the answer; hand on neither."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client or a server that was killed: that is what this is for."""
        if not isinstance(sys.exc_info()[1], OSError | http.client.HTTPException):
            super().handle_error(request, client_address)


class Lossy:
    """Forwards every request to `upstream` as `rule(method, path)` says; `lost` and `refused` count what was not.

    `changed` is notified whenever one of these rises.
    """

    def __init__(self, upstream: str) -> None:
        self.rule: Callable[[str, str], str] = lambda _method, _path: PASS
        self.lost = self.refused = 0
        self.changed = threading.Condition()
        proxy, target = self, urlsplit(upstream)
        assert target.hostname is not None

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.upstream = http.client.HTTPConnection(str(target.hostname), target.port, timeout=60)

            def finish(self) -> None:
                self.upstream.close()
                super().finish()

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                todo = proxy.rule(self.command, self.path)
                if todo == REFUSE:
                    proxy.count("refused")
                    self.close_connection = True
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                self.upstream.request(self.command, self.path, body, headers)
                answer = self.upstream.getresponse()
                content = answer.read()
                if todo == LOSE:
                    proxy.count("lost")
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _forward  # noqa: N815 - the base class names them so

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Keep quiet."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def count(self, what: str) -> None:
        """Note that something did not come through."""
        with self.changed:
            setattr(self, what, getattr(self, what) + 1)
            self.changed.notify_all()

    def close(self) -> None:
        """Take no more connections. Clients close theirs first."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
