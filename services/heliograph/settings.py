"""Settings: one frozen object, read once; the only reader of the environment.

Order, later wins: defaults, `heliograph.toml` (in the working folder, or named by `--config` or `HELIOGRAPH_CONFIG`),
`HELIOGRAPH_*` variables (nested by `__`), flags. An unknown key is an error that names the nearest known one. Any
secret may come from a file instead: `secret_file` beside `secret`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from heliograph.errors import SettingsError
from heliograph.query.zones import read_zone

PREFIX = "HELIOGRAPH_"
DEFAULT_FILE = Path("heliograph.toml")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


def parse_duration(value: object) -> timedelta:
    """Return the time span that `500ms`, `2s`, `5m`, `1h`, `1d` or `1w` names. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no duration: write a number and a unit, such as 500ms, 2s, 5m, 1h or 1d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _known_zone(value: str) -> str:
    read_zone(value)
    return value


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_known_zone)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Strings = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas)]
Durations = Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(_split_commas)]


class Section(BaseModel):
    """Base of every table of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WebSettings(Section):
    """Where the pages and the API answer."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8477, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: Strings = Field((), description="Host names that requests may name, besides the address itself.")


class HealthSettings(Section):
    """Probes and metrics on a port of their own, whatever services the process runs."""

    host: str = Field("", description="Address to listen on, such as 0.0.0.0; empty: they are with the pages alone.")
    port: int = Field(8478, ge=0, le=65535, description="Port of `/livez`, `/readyz` and `/metrics`; 0: a free one.")


class FetchSettings(Section):
    """How feeds are collected."""

    allow_networks: Strings = Field((), description="CIDRs that may be fetched although private, such as 127.0.0.0/8.")
    poll_min: Duration = Field(timedelta(minutes=2), description="Shortest time between two polls of a feed.")
    poll_max: Duration = Field(timedelta(hours=24), description="Longest time between two polls of a feed.")
    timeout: Duration = Field(timedelta(seconds=30), description="Deadline of a whole fetch, redirects included.")
    max_body: int = Field(10_000_000, ge=1_000, description="Largest body of a feed, in decoded bytes.")
    concurrency: int = Field(64, ge=1, le=1_000, description="Fetches under way at once.")
    per_host: int = Field(2, ge=1, le=100, description="Fetches under way at once to one host.")
    user_agent: str = Field("Heliograph/0.1 (feed reader)", description="What we call ourselves to servers.")


class RetentionSettings(Section):
    """How long things are kept."""

    log: Duration = Field(timedelta(days=14), description="Events in the log.")
    archive: Duration = Field(timedelta(days=14), description="All articles, for searches of everything.")
    flagged: Duration = Field(timedelta(days=3650), description="Flagged articles.")
    alerts: Duration = Field(timedelta(days=365), description="Delivered alerts and their attempts; at least 5d.")
    dead_letters: Duration = Field(timedelta(days=90), description="What was refused, with its bytes.")

    @field_validator("alerts")
    @classmethod
    def _outlives_stories(cls, value: timedelta) -> timedelta:
        # A story takes copies for 96 hours; one whose alert was forgotten by then would be alerted again.
        if value < timedelta(days=5):
            raise ValueError("alerts must be kept for at least 5d, longer than any story lasts")
        return value


class LogSettings(Section):
    """What is logged on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity that is logged.")
    form: Literal["console", "json"] = Field("console", description="A line for people, or JSON.")


class AlertSettings(Section):
    """How alerts are delivered."""

    retry_schedule: Durations = Field(
        tuple(timedelta(seconds=s) for s in (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)),
        description="Waits before each attempt, as the Standard Webhooks specification suggests.",
    )


class KafkaSettings(Section):
    """The distributed tier's log."""

    bootstrap: str = Field("127.0.0.1:9092", description="Brokers to ask first, comma separated.")
    topic_prefix: str = Field("heliograph.", description="What the name of every topic and consumer group begins with.")
    replication: int = Field(1, ge=1, le=9, description="Copies of each topic that we create; 3 for a cluster.")
    session_timeout: Duration = Field(
        timedelta(seconds=10), description="Silence after which a consumer's share goes to others."
    )
    append_timeout: Duration = Field(
        timedelta(seconds=30), description="Longest wait for all acknowledgements of an append."
    )
    instance: str = Field(
        "",
        description="Name of this process among its replicas, such as `detect-0`: back within `session_timeout`, it "
        "keeps its share. Empty: every start is a new member.",
    )


def _secret_or_file(value: str, info: ValidationInfo) -> str:
    """Return the secret, read from the file named beside it where there is one: the file's field stands first."""
    file = info.data.get(f"{info.field_name}_file", "")
    if not file:
        return value
    if value:
        raise ValueError(f"give either {info.field_name!r} or '{info.field_name}_file'")
    try:
        found = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"cannot read {file} ({why})") from error
    if not found:
        raise ValueError(f"{file} is empty")
    return found


class ElasticsearchSettings(Section):
    """The distributed tier's index."""

    url: str = Field("http://127.0.0.1:9200", description="Address of a node or a load balancer.")
    index_prefix: str = Field(
        "heliograph-", description="What the name of every index, alias and template begins with."
    )
    replicas: int = Field(0, ge=0, le=9, description="Further copies of each shard; 1 for a cluster.")
    ca_file: str = Field("", description="Certificates to trust for `https`, as PEM; empty: those of the system.")
    username: str = Field("", description="Name to log in with.")
    password_file: str = Field("", description="File that holds the password instead.")
    password: str = Field("", repr=False, validate_default=True, description="Password of `username`.")
    api_key_file: str = Field("", description="File that holds the key instead.")
    api_key: str = Field("", repr=False, validate_default=True, description="Encoded API key, instead of a name.")

    _secrets = field_validator("password", "api_key")(_secret_or_file)


class PolicySettings(Section):
    """Which flagged articles go to which channels."""

    name: str = Field(description="Name shown with each alert.")
    query: str = Field("topic: *", description="Flagged articles that this policy takes.")
    channels: tuple[str, ...] = Field(description="Names of the channels that get them.")
    updates: bool = Field(False, description="Whether later copies of a story are sent as updates.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    data: Path = Field(Path("var"), description="Folder that holds all state.")
    tier: Literal["embedded", "distributed"] = Field("embedded", description="One process, or Kafka and Elasticsearch.")
    sources: str = Field(
        "default", description="`default` (the shipped list), `none`, or the path of a sources file of your own."
    )
    runner: Literal["faust", "poll"] = Field(
        "faust", description="What runs `detect` and `stories` in the distributed tier: Faust, or threads that poll."
    )
    time_zone: Zone = Field(
        "UTC",
        description="Time zone of dates without an offset, such as `Asia/Baku` or `+04:00`: in queries of policies, "
        "and in searches where whoever asks names none.",
    )
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()
    fetch: FetchSettings = FetchSettings()
    retention: RetentionSettings = RetentionSettings()
    logs: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()
    kafka: KafkaSettings = KafkaSettings()
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    channels: tuple[dict[str, Any], ...] = Field((), description="Where alerts go; see the notifiers.")
    policies: tuple[PolicySettings, ...] = Field((), description="Which alerts go where.")

    _file: ClassVar[Path | None] = None

    @property
    def file(self) -> Path | None:
        """The file that was read, None where there was none."""
        return self._file

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=cls._file))


def load_settings(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings in force. Raises SettingsError naming the key, where it was read, and what to write.

    `flags` is nested as the file is; entries that are None count as not given.
    """
    file = _settings_file(config)
    _check_environment()
    bound = type("Settings", (Settings,), {"_file": file, "__doc__": Settings.__doc__, "__module__": __name__})
    try:
        settings: Settings = bound(**_given(flags or {}))
    except ValidationError as error:
        raise SettingsError(_explain(error, file)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    return settings


def _settings_file(config: Path | None) -> Path | None:
    named = config or (Path(value) if (value := os.environ.get(f"{PREFIX}CONFIG")) else None)  # noqa: TID251 - the one reader
    if named is not None and not named.is_file():
        raise SettingsError(f"{named}: no such settings file; check --config and {PREFIX}CONFIG")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    nested = {key: _given(value) if isinstance(value, Mapping) else value for key, value in flags.items()}
    return {key: value for key, value in nested.items() if value is not None and value != {}}


def _check_environment() -> None:
    """Refuse variables with our prefix that set nothing: a misspelt one would be ignored silently."""
    for name in os.environ:  # noqa: TID251 - the one reader
        if not name.upper().startswith(PREFIX) or name.upper() == f"{PREFIX}CONFIG":
            continue
        model: type[BaseModel] | None = Settings
        for part in name[len(PREFIX) :].lower().split("__"):
            if model is None:
                break
            if part not in model.model_fields:
                raise SettingsError(f"{name}: unknown setting {part!r}{_nearest(part, model)}")
            annotation = model.model_fields[part].annotation
            model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _explain(error: ValidationError, file: Path | None) -> str:
    # A misspelt key is the cause of a missing one: it comes first.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    where = f"{file}: " if file is not None else ""
    if first["type"] == "extra_forbidden":
        return f"{where}unknown setting {place!r}{_nearest(str(first['loc'][-1]), _model_at(first['loc'][:-1]))}"
    if first["type"] == "missing":
        return f"{where}setting {place!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    was = "" if _is_secret(first["loc"]) else f" (was {first['input']!r})"
    return f"{where}setting {place!r}: {message}{was}"


def _is_secret(loc: tuple[int | str, ...]) -> bool:
    field = _model_at(loc[:-1]).model_fields.get(str(loc[-1]))
    return field is not None and not field.repr


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in loc:
        if isinstance(part, int):
            continue
        annotation: Any = model.model_fields[part].annotation
        for candidate in (annotation, *get_args(annotation)):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return model


def _nearest(name: str, model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(name, model.model_fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(model.model_fields)}"
