"""Posts each alert as JSON to an address of yours, signed by Standard Webhooks 1.0.0.

Options:
    url: where to post, http or https. Its host may be shown, the rest counts as secret.
    secret: `whsec_` and the base64 of 24 to 64 random bytes. Without any, messages carry no signature.
    secrets: a list of further ones that sign too, while receivers change from one to another.
    secret_file: a file with all of them instead, one a line.
    timeout: seconds for the whole exchange, from looking up the host to the answer's headers (15 unless given).
    private_networks: whether the address may lie in a private or loopback network. True unless given: the address
        is the word of whoever runs Heliograph, not of a feed, and receivers mostly run next to it. False applies
        the rules that hold for feeds, at connect time, to every address that the host has.

Only 2xx is success. Redirects are failures and are not followed. 410 turns the endpoint off until the next start; 429,
502, 503 and 504 slow the channel down, and Retry-After is honoured; everything is tried again on the schedule.
Receivers tell messages apart by `webhook-id`, which stays the same over all tries.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec

from heliograph.alert.channels import Judge, Tools
from heliograph.alert.format import webhook_body
from heliograph.alert.port import Alert, NotDelivered, Receipt
from heliograph.alert.retry import retry_after
from heliograph.alert.secret import Secret
from heliograph.errors import HeliographError, SettingsError

EXAMPLE: Mapping[str, object] = {
    "name": "desk",
    "type": "webhook",
    "url": "http://127.0.0.1:9000/hook",
    "secret": "whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMQ==",
    "secrets": ["whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMA=="],
    "timeout": 15.0,
    "private_networks": True,
}
STOPS: frozenset[int] = frozenset({410})
OVERLOADED: frozenset[int] = frozenset({429, 502, 503, 504})


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    url: Secret
    secret: Secret | None = None
    secrets: tuple[Secret, ...] = ()
    secret_file: str = ""
    timeout: float = 15.0
    private_networks: bool = True


class WebhookNotifier:
    """Notifier over an aiohttp session, which the first send opens and which lives in that event loop."""

    def __init__(self, channel: str, options: Options, keys: Sequence[bytes], tools: Tools) -> None:
        self._channel = channel
        self._url = options.url
        self._timeout = options.timeout
        self._keys = tuple(keys)
        self._judge = None if options.private_networks else tools.judge
        self._tools = tools
        self._session: aiohttp.ClientSession | None = None
        self.target = _origin(urlsplit(options.url.reveal()))

    def __repr__(self) -> str:
        return f"WebhookNotifier({self._channel!r}, {self.target!r})"

    async def send(self, alert: Alert) -> Receipt:
        body = webhook_body(alert)
        try:
            async with asyncio.timeout(self._timeout):
                status, headers = await self._post(alert.message, body)
        except TimeoutError:
            raise self._failed(f"no answer within {self._timeout:g} s", "timeout") from None
        except aiohttp.InvalidURL:
            raise self._failed("the address is malformed", "address") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The library's own words may quote the address, so they are not passed on, nor is the error they came in.
            raise self._failed(*_named(error)) from None
        return self._judged(status, headers)

    async def _post(self, message: str, body: bytes) -> tuple[int, Mapping[str, str]]:
        if self._session is None:
            self._session = self._open()
        request = self._session.post(
            self._url.reveal(), data=body, headers=self._headers(message, body), allow_redirects=False
        )
        async with request as response:
            # The status line says it all: the body is not read, so an endless or trickling one costs nothing.
            return response.status, response.headers

    def _headers(self, message: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._tools.clock().timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": self._tools.agent,
            "webhook-id": message,
            "webhook-timestamp": timestamp,
        }
        if self._keys:
            headers["webhook-signature"] = signature(message, timestamp, body, self._keys)
        return headers

    def _judged(self, status: int, headers: Mapping[str, str]) -> Receipt:
        if 200 <= status < 300:
            return Receipt(status)
        advice = ": give the new address in the settings" if 300 <= status < 400 else ""
        if status in STOPS:
            advice = ": the endpoint is switched off; remove the channel, or start again once it takes messages"
        asked = headers.get("retry-after", "")
        raise NotDelivered(
            f"channel {self._channel}: {self.target} answered {_phrase(status)}{advice}",
            outcome=f"http-{status}",
            status=status,
            permanent=status in STOPS,
            retry_after=retry_after(asked, self._tools.clock()) if asked else None,
            throttle=status in OVERLOADED,
        )

    def _failed(self, what: str, outcome: str) -> NotDelivered:
        return NotDelivered(f"channel {self._channel}: {self.target}: {what}", outcome=outcome)

    def _open(self) -> aiohttp.ClientSession:
        # A connection for each message: alerts are rare, and a kept one that the receiver has just closed costs a try.
        connector = aiohttp.TCPConnector(
            limit=0, force_close=True, socket_factory=_judging(self._judge) if self._judge else None
        )
        # The deadline around `send` is the only one; the session's own would start anew at each step.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def signature(message: str, timestamp: str, body: bytes, keys: Sequence[bytes]) -> str:
    """Return the `webhook-signature` header: one `v1,BASE64` for each key (symmetric scheme of Standard Webhooks)."""
    signed = f"{message}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)


def create(channel: str, options: Options, tools: Tools) -> WebhookNotifier:
    """Return the notifier; see the module for the options. Raises SettingsError naming the key."""
    try:
        parts = urlsplit(options.url.reveal())
        _ = parts.port
    except ValueError:
        raise SettingsError("key `url` is no web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("key `url` must be an address such as https://example.org/hook")
    if not 0 < options.timeout <= 60:
        raise SettingsError("key `timeout` must be more than 0 and at most 60 seconds")
    if options.private_networks is False and tools.judge is None:
        raise SettingsError("key `private_networks` is false, but nothing here can tell private networks apart")
    return WebhookNotifier(channel, options, [_key(secret) for secret in _secrets(options)], tools)


def _secrets(options: Options) -> list[Secret]:
    given = [*([options.secret] if options.secret is not None else []), *options.secrets]
    if not options.secret_file:
        return given
    if given:
        raise SettingsError("give either `secret_file` or `secret` and `secrets`")
    try:
        text = Path(options.secret_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"key `secret_file`: cannot read {options.secret_file} ({why})") from None
    found = [Secret(word) for word in text.split()]
    if not found:
        raise SettingsError(f"key `secret_file`: {options.secret_file} is empty")
    return found


def _key(secret: Secret) -> bytes:
    encoded = secret.reveal().removeprefix("whsec_")
    key = b""
    with suppress(binascii.Error, ValueError):
        # Generators differ in whether they pad; b64decode ignores padding beyond what is due.
        key = base64.b64decode(encoded.encode("ascii") + b"==", validate=False)
    if not key:
        raise SettingsError("key `secret` must be whsec_ and the base64 of 24 to 64 random bytes")
    return key


def _judging(judge: Judge) -> Any:  # noqa: ANN401 - aiohttp's SocketFactoryType, which older releases do not name
    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        try:
            judge(ip_address(str(address[0]).partition("%")[0]))
        except HeliographError:
            raise ConnectionRefusedError("refused-address") from None
        return socket.socket(family, kind, protocol)

    return make


def _named(error: Exception) -> tuple[str, str]:
    """Return words and a slug for a failed exchange, made from its kind and system error number alone."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if "refused-address" in cause.args:
        return "its address lies in a network that `private_networks = false` refuses", "refused-address"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host cannot be found", "dns"
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return "no trusted TLS connection: check the certificate", "tls"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection ended without an answer", "connection"
    if isinstance(cause, OSError) and cause.errno and cause.strerror:
        return f"no connection ({cause.strerror})", "connection"
    return f"the exchange broke off ({type(error).__name__})", "protocol"


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return f"{status} {HTTPStatus(status).phrase}"
    return str(status)
