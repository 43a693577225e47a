"""Structured logs on stderr: a line for a person at a terminal, JSON for a program; secrets redacted in both.

Records of the standard `logging` module (libraries, and rooms that use it) take the same way out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

_SECRET_KEY = re.compile(r"secret|token|passw|authorization|api_?key|cookie|signature", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(whsec_)[A-Za-z0-9+/=_-]+"  # Standard Webhooks secrets
    r"|(://)[^/\s@]+(?=@)"  # user and password of an address
    r"|(bearer )\S+"
    r"|([?&](?:token|key|auth|secret)=)[^&\s]+",
    re.IGNORECASE,
)
_HIDDEN = "[hidden]"


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is at the time; one that cannot be written to any more stops no work."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class sets it once
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names it so
        """Say what went wrong, unless there is nowhere to say it."""
        if not isinstance(sys.exc_info()[1], OSError) and not sys.stderr.closed:
            super().handleError(record)


def configure_logs(level: str = "info", form: Literal["console", "json"] = "console", to: TextIO | None = None) -> None:
    """Set up logging for the process: `level` and above go to `to` (stderr unless given).

    A line that cannot be written is lost, as the standard library does it; whoever logged goes on.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=(to or sys.stderr).isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(to) if to else _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What these say of starts, stops and connections is said by the program that they belong to.
    for chatty in ("uvicorn", "faust", "mode"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # Tell of every try, several lines each and many a second while a server is away; whoever asked for something says
    # once, in our words, what did not work.
    for client in ("kafka", "aiokafka", "elastic_transport"):
        logging.getLogger(client).setLevel(logging.CRITICAL)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be read in a log: values under telling keys, and secrets inside any text."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = _HIDDEN
        elif isinstance(value, str):
            event[key] = hide_secrets(value)
    return event


def hide_secrets(text: str) -> str:
    """Return `text` with webhook secrets, credentials of addresses and bearer tokens replaced."""
    return _SECRET_TEXT.sub(lambda found: f"{found[found.lastindex or 0]}{_HIDDEN}", text)
