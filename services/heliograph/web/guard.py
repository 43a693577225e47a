"""Who may talk to the server: rules for Host and Origin, and the headers that every answer carries.

Host: IP literals, localhost and the configured names. A page on the internet that rebinds its own name to this address
(DNS rebinding) arrives with that name and is refused with 421 (RFC 9110, 15.5.20).

Origin: a request that changes anything must come from a page of this server, shown by an `Origin` equal to the host it
is addressed to; browsers send the header with every such request. Programs send none. They are let through on
`/api/` only, and only where nothing points at a browser: no `Cookie`, no `Sec-Fetch-*`, and for a request with a body
`Content-Type: application/json`, which no form can send and no foreign page without a preflight that is never granted.
Forwarding headers are not read: a proxy in front must keep the `Host` that the browser saw.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under that, browsers send `Origin: null` with our own forms (Fetch standard, 3.2).
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes come by whatever name an orchestrator likes, and tell nothing that a rebinding page could use.
_ANY_HOST: Final = frozenset({"/livez", "/readyz"})


def host_allowed(host: str, names: Collection[str]) -> bool:
    """Tell whether a `Host` header names this server: an IP literal, localhost or one of `names` (lower case)."""
    name = _host_name(host)
    if name is None:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str | None:
    """Return the name without port, lower case; None for what is no host at all."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    # What urlsplit takes for user information, path or query has no place in a Host header.
    if not parts.hostname or parts.netloc != host or "@" in host or "\\" in host:
        return None
    return parts.hostname.rstrip(".")


def change_refused(method: str, path: str, headers: Mapping[str, str]) -> str:
    """Return why a request that changes something is refused, or an empty string. Header names are lower case."""
    origin = headers.get("origin")
    if origin is not None:
        parts = origin.partition("://")
        if parts[0] in ("http", "https") and parts[2].lower() == headers.get("host", "").lower():
            return ""
        return "the request comes from another site; use this server's own pages"
    if not path.startswith("/api/"):
        return "the request carries no Origin header; use this server's own pages, or /api/ from a program"
    if "cookie" in headers or any(name.startswith("sec-fetch-") for name in headers):
        return "a browser sent this request without saying from where"
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method != "DELETE" and media != "application/json":
        return "a request to /api/ without an Origin header needs Content-Type: application/json"
    return ""


class Guard:
    """ASGI middleware: refuses by the rules above and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower().rstrip(".") for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(scope=message))
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path = scope["path"]
        host = headers.get("host", "")
        if path not in _ANY_HOST and not host_allowed(host, self._names):
            known = "add it to web.allowed_hosts in heliograph.toml if it is this server's name"
            return refuse(path, 421, f"this server is not called {host[:80]!r}: {known}")
        if scope["method"] not in SAFE_METHODS:
            reason = change_refused(scope["method"], path, headers)
            if reason:
                return refuse(path, 403, f"refused: {reason}")
        return None


def secure(headers: MutableHeaders) -> None:
    """Set the security headers, and keep private pages out of caches unless the answer says otherwise."""
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-cache")


def refuse(path: str, status: int, message: str) -> Response:
    """Return a refusal: JSON under /api/, else one plain line."""
    if path.startswith("/api/"):
        body = msgspec.json.encode({"error": {"message": message, "position": None, "expected": [], "hint": ""}})
        return Response(body, status, media_type="application/json")
    return PlainTextResponse(f"{message}\n", status)
