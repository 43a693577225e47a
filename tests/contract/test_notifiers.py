"""What every notifier owes: an example, documented options, honest answers, and silence about its secrets.

A new file in `alert/notifiers/` is held to this by its name; nothing is registered here.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from heliograph.alert.channels import Tools, build_channels, kinds
from heliograph.alert.deliver import send_now
from heliograph.alert.format import sample_alert
from heliograph.alert.port import NotDelivered, Notifier
from heliograph.alert.secret import Secret
from heliograph.errors import DeliveryError, SettingsError

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
CANARY = "c4n4ry"
ANSWERS: tuple[int, ...] = (
    100,
    200,
    201,
    202,
    204,
    299,
    300,
    301,
    302,
    303,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    410,
    413,
    418,
)
ANSWERS += (422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 520, 599)


@pytest.fixture(params=kinds())
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"heliograph.alert.notifiers.{request.param}")


class Answering:
    """A server that says one thing: status line and headers, over and over."""

    def __init__(self) -> None:
        self.reply = b""
        self.silent = False
        self.connections = 0
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            if self.silent:
                self._open.append(connection)
                continue
            with connection:
                self._read_request(connection)
                connection.sendall(self.reply)

    @staticmethod
    def _read_request(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65_536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len")
        )
        while len(body) < length:
            body += connection.recv(65_536)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture
def server() -> Iterator[Answering]:
    opened = Answering()
    yield opened
    opened.close()


def options_of(module: ModuleType) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(module.Options)


def build(table: Mapping[str, object], tools: Tools | None = None) -> Notifier:
    [notifier] = build_channels([table], tools or Tools()).values()
    return notifier


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    return field.type is Secret or Secret in get_args(field.type)


def speaking_http(module: ModuleType, port: int) -> dict[str, object]:
    """Return the example, pointed at a port of this machine; skips notifiers without an address."""
    if "url" not in module.EXAMPLE:
        pytest.skip("this notifier speaks no HTTP to an address of its own")
    return {**module.EXAMPLE, "url": f"http://127.0.0.1:{port}/hook"}


def test_the_example_is_complete_and_builds(module: ModuleType) -> None:
    named = {field.encode_name for field in options_of(module)}
    kind = module.__name__.rpartition(".")[2]
    assert module.EXAMPLE["type"] == kind
    assert set(module.EXAMPLE) - {"name", "type"} <= named
    required = {field.encode_name for field in options_of(module) if field.required}
    assert required <= set(module.EXAMPLE)
    assert build(module.EXAMPLE).target


def test_the_docstring_explains_every_option(module: ModuleType) -> None:
    text = inspect.getdoc(module) or ""
    assert len(text.splitlines()[0]) > 20
    assert "Options:" in text
    for field in options_of(module):
        assert f"    {field.encode_name}: " in text, f"{module.__name__} does not explain `{field.encode_name}`"


def test_options_are_frozen_and_refuse_unknown_keys(module: ModuleType) -> None:
    assert module.Options.__struct_config__.frozen
    assert module.Options.__struct_config__.forbid_unknown_fields
    with pytest.raises(SettingsError, match="unknown key"):
        build({**module.EXAMPLE, "no_such_key": 1})


def test_what_sounds_secret_is_typed_as_one(module: ModuleType) -> None:
    for field in options_of(module):
        name = field.encode_name
        if any(word in name for word in ("secret", "token", "password", "url")) and not name.endswith("_file"):
            assert is_secret(field), f"{module.__name__}: option `{name}` must be a Secret"


def test_answers_are_judged_as_standard_webhooks_says(module: ModuleType, server: Answering) -> None:
    table = speaking_http(module, server.port)
    for status in ANSWERS:
        server.reply = f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        notifier = build({**table, "timeout": 0.2 if status == 100 else 5})
        if 200 <= status < 300:
            assert send_now(notifier, sample_alert("desk", NOW)).status == status
            continue
        with pytest.raises(DeliveryError) as caught:
            send_now(notifier, sample_alert("desk", NOW))
        assert caught.value.permanent == (status in module.STOPS), status
        assert isinstance(caught.value, NotDelivered)
        assert caught.value.throttle == (status in (429, 502, 503, 504)), status
    assert {410} <= module.STOPS


def planted(module: ModuleType, port: int) -> dict[str, object]:
    """Return the example with a canary in every secret that it holds."""
    table = dict(module.EXAMPLE)
    for field in options_of(module):
        if not is_secret(field):
            continue
        name = field.encode_name
        secret: object = f"whsec_{CANARY * 4}"
        if name == "url":
            secret = f"http://user:{CANARY}@127.0.0.1:{port}/{CANARY}?token={CANARY}"
        table[name] = [secret] if isinstance(module.EXAMPLE.get(name), list) else secret
    return table


def hostile_replies(echo: str) -> list[bytes]:
    return [
        f"HTTP/1.1 500 {echo}\r\ncontent-length: {len(echo)}\r\n\r\n{echo}".encode(),
        f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/{echo}\r\ncontent-length: 0\r\n\r\n".encode(),
        f"HTTP/1.1 401 X\r\nwww-authenticate: {echo}\r\nretry-after: {echo}\r\ncontent-length: 0\r\n\r\n".encode(),
        f"{echo}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{echo}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nx: {'a' * 100_000}{echo}\r\n\r\n".encode(),
        b"",
    ]


def test_no_secret_leaks_whatever_the_other_side_does(
    module: ModuleType, server: Answering, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    if not any(is_secret(field) for field in options_of(module)):
        pytest.skip("this notifier has no secrets")
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    tables = [(planted(module, server.port), reply) for reply in hostile_replies(CANARY)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    tables.append((planted(module, nobody), b""))
    for table, reply in tables:
        server.reply = reply
        notifier = build(table)
        shown += [repr(notifier), str(notifier), notifier.target, repr(vars(notifier))]
        with pytest.raises(DeliveryError) as caught:
            send_now(notifier, sample_alert("desk", NOW))
        shown += [str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value))]
    output = capsys.readouterr()
    shown += [caplog.text, output.out, output.err]
    assert CANARY not in "\n".join(shown)


@pytest.mark.parametrize("wrong", [[f"{CANARY} whsec"], {CANARY: CANARY}, 5])
def test_a_secret_of_the_wrong_type_is_refused_by_name_and_without_its_value(module: ModuleType, wrong: object) -> None:
    for field in options_of(module):
        if field.type is not Secret and field.type != Secret | None:
            continue
        with pytest.raises(SettingsError, match=field.encode_name) as caught:
            build({**module.EXAMPLE, field.encode_name: wrong})
        assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_send_ends_by_its_own_deadline(module: ModuleType, server: Answering) -> None:
    server.silent = True
    table = {**speaking_http(module, server.port), "timeout": 0.2}
    with pytest.raises(NotDelivered) as caught:
        send_now(build(table), sample_alert("desk", NOW))
    assert caught.value.outcome == "timeout"


def test_a_closed_notifier_can_be_used_again_in_another_loop(module: ModuleType, server: Answering) -> None:
    server.reply = b"HTTP/1.1 204 No Content\r\n\r\n"
    table = dict(module.EXAMPLE)
    if "url" in table:
        table["url"] = f"http://127.0.0.1:{server.port}/hook"
    notifier = build(table)
    asyncio.run(notifier.close())
    for _ in range(2):
        send_now(notifier, sample_alert("desk", NOW))


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r:>40}".format, lambda secret: repr([secret])])
def test_a_secret_prints_as_stars(show: Callable[[Secret], str]) -> None:
    assert CANARY not in show(Secret(CANARY))
    assert "***" in show(Secret(CANARY))


def test_a_secret_is_written_nowhere() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(CANARY))
