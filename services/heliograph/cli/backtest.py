"""`heliograph topics backtest`: a topic over articles that have come already."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from heliograph.cli.common import (
    CONFIG_OPTION,
    DATA_OPTION,
    FOLDER_OPTION,
    ZONE_OPTION,
    definitions,
    load,
    opened,
    zone_of,
)
from heliograph.cli.output import (
    FORMAT_OPTION,
    Format,
    console,
    details,
    notes,
    printable,
    progress,
    show,
    show_excerpt,
    show_one,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from heliograph.assembly.backtest import Backtest, Changed
    from heliograph.detect.topic import CompiledTopic

_COLUMNS = ("topic", "version", "compared_with", "articles", "hits", "gained", "lost", "stories", "alerts_a_day")
_MOST = 10
"""Languages and sources shown, those with most hits first."""


def add_to(group: typer.Typer) -> None:
    """Add the command to `heliograph topics`."""

    @group.command()
    def backtest(
        topic: str = typer.Argument(help="Topic to try."),
        *,
        since: str = typer.Option("7d", "--since", metavar="TIME", help="Articles from then on; a date, 7d or now-7d."),
        until: str = typer.Option("", "--until", metavar="TIME", help="Articles before then."),
        time_zone: str = ZONE_OPTION,
        file: Path | None = typer.Option(
            None, "--file", metavar="FILE", help="Articles as JSON Lines instead of the archive; - for stdin."
        ),
        examples: int = typer.Option(5, "--examples", min=0, max=1000, help="Articles gained and lost to print."),
        form: Format = FORMAT_OPTION,
        folder: Path | None = FOLDER_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Try a topic on articles that have come already: hits, what is gained and lost, alerts a day.

        Over the archive it is compared with what was flagged when each article came. Over a file it is compared with
        the saved topic, where --topics holds a draft of it. Nothing is written.
        """
        from heliograph.errors import UsageError

        draft = definitions(load(config, {"data": data}), folder)
        if topic not in draft.compiled:
            place = draft.topics[topic].place if topic in draft.topics else "no such file"
            broken = next((error for error in draft.errors if error.place.startswith(place)), None)
            raise broken or UsageError(f"no topic {topic!r}; known: {', '.join(sorted(draft.compiled))}")
        if file is not None:
            saved = definitions(load(config, {"data": data})).compiled.get(topic)
            found, span = _file_tested(file, draft.compiled[topic], saved), None
        else:
            found, span = _archive_tested(draft.compiled[topic], (since, until, time_zone), data, config)
        _print_backtest(found, span, examples, form)


def _archive_tested(
    topic: CompiledTopic, written: tuple[str, str, str], data: Path | None, config: Path | None
) -> tuple[Backtest, timedelta | None]:
    """Return what came of the archive, and the time it covers. Raises UsageError, IndexUnavailable."""
    from heliograph.assembly.backtest import over_archive
    from heliograph.assembly.found import moment, require_order

    with opened(data, config) as here, ExitStack() as bars:
        since, until, time_zone = written
        now, zone = here.now(), zone_of(here.settings, time_zone)
        start, end = moment("--since", since, now, zone), moment("--until", until, now, zone)
        require_order(start, end, ("--since", "--until"))

        def begin(total: int) -> Callable[[int], None]:
            return bars.enter_context(progress(f"{topic.id} over the archive", total))

        found = over_archive(here, topic, start, end, begin)
        # Of an archive that is younger than what was asked for, the time that it has.
        covered = max(start, found.first) if start and found.first else start
        return found, (end or now) - covered if covered else None


def _file_tested(file: Path, topic: CompiledTopic, saved: CompiledTopic | None) -> Backtest:
    """Return what came of a file of articles. Raises UsageError where it cannot be read."""
    from heliograph.assembly.backtest import over_lines
    from heliograph.detect.engine import Engine
    from heliograph.detect.scan import scan
    from heliograph.errors import UsageError
    from heliograph.parse.language import detect_language

    if str(file) == "-":
        return over_lines(scan(sys.stdin.buffer, Engine(), detect_language), topic, saved)
    try:
        with file.open("rb") as lines:
            return over_lines(scan(lines, Engine(), detect_language), topic, saved)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a file of JSON Lines, or leave --file out") from error


def _print_backtest(found: Backtest, span: timedelta | None, examples: int, form: Format) -> None:
    """Print the figures; for a person the counts by language and source as well, and some articles."""
    rate = found.alerts_a_day(span)
    row: dict[str, Any] = {
        "topic": found.topic,
        "version": found.version,
        "compared_with": dict(found.saved_versions.most_common()),
        "articles": found.articles,
        "hits": found.hits,
        "gained": found.gained_count,
        "lost": found.lost_count,
        "stories": found.stories,
        "alerts_a_day": round(rate, 2) if rate is not None else None,
        "by_language": dict(found.by_language.most_common()),
        "by_source": dict(found.by_source.most_common()),
        "errors": found.errors,
    }
    changed = [("gained", each) for each in found.gained[:examples]] + [
        ("lost", each) for each in found.lost[:examples]
    ]
    if form is Format.json:
        show_one({**row, "examples": [_as_json(kind, each) for kind, each in changed]}, _COLUMNS, form)
        return
    if form is Format.csv:
        show_one(row, _COLUMNS, form)
        return
    versions = [f"{version} ({count} flagged)" for version, count in found.saved_versions.most_common()]
    details(
        {**{name: row[name] for name in _COLUMNS}, "compared_with": versions or "nothing: none was flagged with it"}
    )
    for name, counts in (("language", found.by_language), ("source", found.by_source)):
        if counts:
            show(_rows(name, counts), (name, "hits"), form)
    for kind, each in changed:
        _print(kind, each)
    for error in found.errors[:examples]:
        notes().print(f"heliograph: {error}", style="yellow", markup=False)


def _rows(name: str, counts: Counter[str]) -> list[dict[str, Any]]:
    return [{name: value, "hits": count} for value, count in counts.most_common(_MOST)]


def _as_json(kind: str, changed: Changed) -> dict[str, Any]:
    article = changed.article
    evidence = [
        {"field": e.field, "start": e.start, "end": e.end, "text": e.text, "term": e.term} for e in changed.evidence
    ]
    keys = {"id": article.id, "language": article.language, "source": article.source, "time": article.sorted}
    return {"change": kind, **keys, "title": article.title, "url": article.url, "evidence": evidence}


def _print(kind: str, changed: Changed) -> None:
    from rich.text import Text

    article = changed.article
    sign, style = ("+", "bold green") if kind == "gained" else ("-", "bold red")
    screen = console()
    title = printable(article.title or article.text[:100])
    screen.print(Text.assemble((f"{sign} {kind} ", style), (article.language or "?", "cyan"), "  ", title))
    for piece in changed.evidence[:3]:
        published = article.title if piece.field == "title" else article.text
        name = f"@{piece.concept} " if piece.concept else ""
        show_excerpt(screen, published, piece.start, piece.end, tail=f"{name}{piece.term}")
