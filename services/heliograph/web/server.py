"""WebServer: uvicorn in a thread of its own, with the bound port known and a stop that ends."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from heliograph.errors import UsageError

_BACKLOG = 256
_START_TIMEOUT = 10.0


class WebServer:
    """Serves an application until told to stop.

    `before_stop` ends what never ends by itself (give it `LiveBus.close`): open event streams close within the grace
    period instead of holding the stop up. Signals stay with the main thread, which calls `stop`.
    `setting` is the table of the settings that host and port come from, for messages.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        before_stop: Callable[[], None] = lambda: None,
        grace: float = 4.0,
        setting: str = "web",
    ) -> None:
        self._setting = setting
        self._host = host
        self._port = port
        self._before_stop = before_stop
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                timeout_graceful_shutdown=max(1, round(grace)),
                timeout_keep_alive=30,
                h11_max_incomplete_event_size=64 * 1024,
                http="h11",
                ws="none",
            )
        )

    @property
    def port(self) -> int:
        """The port that is bound; the one asked for until `start`."""
        return self._port

    @property
    def url(self) -> str:
        """Address to open in a browser on this machine."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 - read, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def start(self) -> None:
        """Bind, and serve in a thread; returns when connections are taken. Raises UsageError where it cannot bind."""
        self._socket = bind(self._host, self._port, self._setting)
        self._port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, name=self._setting, daemon=True)
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_TIMEOUT / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.02)
        if not self._server.started:
            raise UsageError(f"{self._setting}: the server on {self._host}:{self.port} did not start; the log says why")

    def stop(self, timeout: float = 5.0) -> bool:
        """End event streams, let running requests finish, close; return whether all ended within `timeout` seconds."""
        self._before_stop()
        self._server.should_exit = True
        if self._thread is None:
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(1.0)
        if self._socket is not None:
            self._socket.close()
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Is the serving thread there? For `/readyz` and supervisors."""
        return self._thread is not None and self._thread.is_alive()

    def _serve(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])


def bind(host: str, port: int, setting: str = "web") -> socket.socket:
    """Return a socket bound to host and port. Raises UsageError that says what to do where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise UsageError(_why(error, host, port, setting)) from error
    bound.setblocking(False)
    return bound


def _why(error: OSError, host: str, port: int, setting: str) -> str:
    place = f"{setting}: cannot listen on {host}:{port}"
    other = "give --port another number" if setting == "web" else f"set {setting}.port to another number"
    if error.errno == errno.EADDRINUSE:
        return f"{place}: the port is in use, perhaps by another Heliograph: stop that one, or {other}"
    if error.errno == errno.EACCES:
        return f"{place}: ports below 1024 need rights: {other}, a higher one"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{place}: no such address on this machine: check {setting}.host"
    return f"{place}: {error.strerror or error}: check {setting}.host and {setting}.port"
