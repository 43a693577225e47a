"""Pages on what a person sets and types: settings, notifiers, the command line."""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tests.docs.markdown import code, fenced, page, prose, table
from tests.docs.pages_code import default_of

from heliograph.alert.channels import kinds
from heliograph.alert.secret import Secret
from heliograph.cli import build_app
from heliograph.settings import PREFIX, PolicySettings, Settings

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def sections() -> dict[str, type[BaseModel]]:
    """Return the tables of the settings file by name; the top of the file is the empty name."""
    nested = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {"": Settings} | {n: a for n, a in nested.items() if isinstance(a, type) and issubclass(a, BaseModel)}


def settings() -> str:
    """Return docs/reference/settings.md."""
    parts: list[str] = []
    for name, model in sections().items():
        tables = {*sections(), "policies", "channels"} if not name else set()
        fields = [(key, field) for key, field in model.model_fields.items() if key not in tables]
        parts += [f"## `[{name}]`" if name else "## At the top of the file", prose(model.__doc__)]
        parts.append(table(("Key", "Default", "Variable", ""), [_setting(name, *field) for field in fields]))
    return page(
        "Settings",
        "Settings stand in `heliograph.toml`, in the working folder or where `--config` or `HELIOGRAPH_CONFIG` says. "
        "Later wins: defaults, the file, `HELIOGRAPH_*` variables, flags. An unknown key or variable is an error that "
        "names the nearest known one.",
        "A duration is a number and a unit: `500ms`, `2s`, `5m`, `1h`, `1d`, `1w`. In a variable, a list is separated "
        "by commas.",
        *parts,
        "## `[[policies]]`",
        prose(PolicySettings.__doc__)
        + " One table each, in any number. A story that several policies take is told to a channel once.",
        table(
            ("Key", "Default", ""),
            [(code(key), _default(field), _described(field)) for key, field in PolicySettings.model_fields.items()],
        ),
        "## `[[channels]]`",
        "Where alerts go. `name` and `type` are required; the other keys depend on the type: see "
        "[notifiers](notifiers.md).",
    )


def variable(section: str, key: str) -> str:
    """Return the environment variable of a key."""
    return PREFIX + "__".join(part.upper() for part in (section, key) if part)


def _setting(section: str, key: str, field: FieldInfo) -> tuple[str, ...]:
    return code(key), _default(field), code(variable(section, key)), _described(field)


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else code(as_toml(field.default))


def _described(field: FieldInfo) -> str:
    text = field.description or ""
    if get_origin(field.annotation) is Literal:
        text += f" One of {', '.join(code(as_toml(value)) for value in get_args(field.annotation))}."
    least, most = ([getattr(m, bound) for m in field.metadata if hasattr(m, bound)] for bound in ("ge", "le"))
    if least and most:
        text += f" From {least[0]:,} to {most[0]:,}."
    elif least:
        text += f" At least {least[0]:,}."
    return text


def as_toml(value: object) -> str:
    """Return a value as one writes it in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, size = next(((u, n) for u, n in _UNITS if seconds and seconds % n == 0), ("s", 1))
        return f'"{seconds // size}{unit}"'
    if isinstance(value, (str, Path)):
        return f'"{value}"'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(as_toml, value))}]"
    return str(value)


def notifiers() -> str:
    """Return docs/reference/notifiers.md."""
    return page(
        "Notifiers",
        "A channel's `type` names the notifier. Each is one file in `services/heliograph/alert/notifiers/`; "
        "[how to add one](../howto/add-a-notifier.md). Unless said otherwise a failed message is tried again on "
        "`alerts.retry_schedule`.",
        *(part for kind in kinds() for part in _notifier(kind)),
    )


def _notifier(kind: str) -> Iterator[str]:
    module = importlib.import_module(f"heliograph.alert.notifiers.{kind}")
    said = prose(module.__doc__)
    before, _, rest = said.partition("\nOptions:\n")
    listed, _, after = rest.partition("\n\n")
    yield f"## `{kind}`"
    yield before
    told = _options(listed)
    yield table(
        ("Key", "Type", "Default", ""),
        [
            (code(field.encode_name), option_type(field.type), default_of(field), told.get(field.name, ""))
            for field in msgspec.structs.fields(module.Options)
        ],
    )
    yield after
    yield fenced("[[channels]]\n" + "\n".join(f"{key} = {as_toml(v)}" for key, v in module.EXAMPLE.items()), "toml")


def option_type(annotation: Any) -> str:
    """Return what a notifier's option takes, in words."""
    if get_origin(annotation) is Literal:
        return " or ".join(code(as_toml(value)) for value in get_args(annotation))
    arguments = [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    if get_origin(annotation) is tuple:
        return f"list of {option_type(arguments[0])}"
    if arguments:
        return " or ".join(map(option_type, arguments))
    words = {str: "text", Secret: "secret text", bool: "boolean", int: "integer", float: "number"}
    return words[annotation]


def _options(listed: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(listed).splitlines():
        if line[:1].strip():
            name, _, text = line.partition(":")
            found[name] = text.strip()
        else:
            found[name] += f" {line.strip()}"
    return found


def command_line() -> str:
    """Return docs/reference/cli.md."""
    parts = [part for path, command in commands() for part in _command(path, command)]
    return page(
        "Command line",
        "`heliograph VERB --help` says the same. `heliograph --version` shows the version.",
        "Exit status: 0 done, 1 for a negative answer or a failure, 2 for wrong use, 130 when interrupted. An error is "
        "one line on stderr that says what to do. Verbs that list take `--format`: a table for people, JSON or CSV for "
        "programs, which stay clean of notes and colour.",
        *parts,
    )


def commands() -> list[tuple[tuple[str, ...], Any]]:
    """Return (words, command) of every verb and group, in the order of the program's own help."""
    found: list[tuple[tuple[str, ...], Any]] = []

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, one in getattr(command, "commands", {}).items():
            found.append(((*words, name), one))
            walk(one, (*words, name))

    walk(typer.main.get_command(build_app()), ("heliograph",))
    return found


def _command(words: tuple[str, ...], command: Any) -> Iterator[str]:
    yield f"{'#' * len(words)} {' '.join(words)}"
    yield prose(command.help)
    if not getattr(command, "commands", None):
        yield fenced(" ".join((*words, *_usage(command))), "text")
        yield table(("", "Default", ""), [_parameter(one) for one in command.params])


def _usage(command: Any) -> Iterator[str]:
    if any(one.param_type_name == "option" for one in command.params):
        yield "[OPTION]..."
    for one in command.params:
        if one.param_type_name == "argument":
            yield one.metavar or (one.name.upper() if one.required else f"[{one.name.upper()}]")


def _parameter(one: Any) -> tuple[str, str, str]:
    names = ", ".join(one.opts)
    if one.param_type_name == "argument":
        return code(one.metavar or one.name.upper()), "required" if one.required else "", one.help or ""
    if one.is_flag:
        name = f"{names}, {', '.join(one.secondary_opts)}" if one.secondary_opts else names
        return code(name), "on" if one.default else "", one.help or ""
    annotation = one.type_descriptor.annotation
    text = one.help or ""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        text += f" One of {', '.join(code(str(member.value)) for member in annotation)}."
    default = one.default.value if isinstance(one.default, enum.Enum) else one.default
    return code(f"{names} {metavar(one)}"), code("" if default is None else str(default)), text


def metavar(one: Any) -> str:
    """Return the word that stands for an option's value."""
    annotation = one.type_descriptor.annotation
    return str(one.metavar or {int: "N"}.get(annotation, one.name.upper()))
