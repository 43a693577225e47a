"""`heliograph replay`: the log, or the dead letters, handed to a stage again."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, ZONE_OPTION, opened, zone_of
from heliograph.cli.output import FORMAT_OPTION, Format, notes, progress, show

if TYPE_CHECKING:
    from heliograph.assembly.replay import Span
    from heliograph.assembly.world import World


class LogTopic(StrEnum):
    """Topics that can be read again."""

    articles = "articles"
    matches = "matches"
    flagged = "flagged"
    dead_letters = "dead-letters"


class Target(StrEnum):
    """What events or letters are handed to."""

    INDEX = "index"
    DETECT = "detect"
    INGEST = "ingest"
    STORIES = "stories"
    ALERT = "alert"
    ALL = "all"


_OF_EVENTS = (Target.INDEX, Target.DETECT, Target.ALERT)
_LETTER = ("place", "time", "stage", "reason", "state", "size", "cause")
_LETTER_CSV = (*_LETTER, "origin", "content_type", "topic")
_COMPARED = ("topic", "version", "articles", "compared", "recorded", "matched", "missing", "new", "changed")


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def replay(
        *,
        topic: LogTopic | None = typer.Option(None, "--topic", help="Log topic to read (default: what --to needs)."),
        since: str = typer.Option(
            "", "--from", metavar="TIME", help="Events appended from then on; a date, or now-7d."
        ),
        until: str = typer.Option("", "--until", metavar="TIME", help="Events appended before then."),
        time_zone: str = ZONE_OPTION,
        to: Target | None = typer.Option(None, "--to", help="Stage to hand them to; all: letters to their own stages."),
        place: str = typer.Option(
            "", "--show", metavar="PLACE", help="Write the original of one dead letter to stdout."
        ),
        form: Format = FORMAT_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Read the log again, as back-fill: nothing alerts, nothing is lost, and doing it twice changes nothing.

        --to index writes both indexes again; stop `heliograph run` first.

        --to detect matches the articles again with the topics in force and compares with what was recorded; exit 1
        where one version of a topic gave different matches.

        --to alert counts the alerts that the policies in force would have made; nothing is sent or kept.

        --topic dead-letters lists the dead letters; with --to STAGE those of the stage, and with --to all every one, is
        handed again to the stage that refused it; exit 1 where one is refused again.
        """
        from heliograph.assembly.found import moment, require_order
        from heliograph.assembly.replay import Span, require_log
        from heliograph.errors import UsageError

        with opened(data, config, writes_index=to in (Target.INDEX, Target.ALL)) as here:
            now, zone = here.now(), zone_of(here.settings, time_zone)
            span = Span(moment("--from", since, now, zone), moment("--until", until, now, zone))
            require_order(span.since, span.until, ("--from", "--until"))
            if topic is not LogTopic.dead_letters and not place and to not in _OF_EVENTS:
                raise UsageError(
                    "replay: say --to index, detect or alert, or --topic dead-letters (and --to all to hand them over)"
                )
            require_log(here)
            if place:
                sys.stdout.buffer.write(_original(here, place))
            elif topic is LogTopic.dead_letters:
                _letters(here, span, to, form)
            elif to is Target.INDEX:
                _index(here, span, topic, form)
            elif to is Target.DETECT:
                _detect(here, span, topic, form)
            else:
                _alert(here, span, topic, form)


def _index(here: World, span: Span, topic: LogTopic | None, form: Format) -> None:
    from dataclasses import asdict

    from heliograph.assembly.replay import INDEXED, kept, require_topic, to_index

    require_topic(topic or "", list(INDEXED), "index")
    rows = []
    for name in INDEXED:
        if topic is None or topic == name:
            with progress(f"{name} to index {INDEXED[name]}", kept(here, name)) as tick:
                rows.append(asdict(to_index(here, name, span, tick)))
    show(rows, ("index", "events", "written", "newer", "refused"), form)


def _detect(here: World, span: Span, topic: LogTopic | None, form: Format) -> None:
    from heliograph.assembly.replay import kept, require_topic
    from heliograph.assembly.replay_detect import compare
    from heliograph.core.event import ARTICLES

    require_topic(topic or "", [ARTICLES], "detect")
    with progress("articles matched again", kept(here, ARTICLES)) as tick:
        found = compare(here, span, tick)
    show([one.row() for one in found], _COMPARED, form)
    differing = [one.topic for one in found if one.differs]
    if form is Format.table:
        for one in found:
            for kind, articles in one.row()["differences"].items():
                notes().print(f"{one.topic}: {kind}: {', '.join(articles[:10])}", markup=False)
    verdict = "the same topic versions give the same matches"
    if differing:
        verdict = f"differ: {', '.join(differing)}"
    elif not any(one.compared for one in found):
        verdict = "nothing to compare: the log holds no match of a topic version in force"
    notes().print(verdict, style="dim", markup=False)
    if differing:
        raise typer.Exit(1)


def _alert(here: World, span: Span, topic: LogTopic | None, form: Format) -> None:
    from heliograph.assembly.replay import kept, require_topic
    from heliograph.assembly.replay_alerts import expected
    from heliograph.core.event import FLAGGED

    require_topic(topic or "", [FLAGGED], "alert")
    with progress("flagged articles against the policies", kept(here, FLAGGED)) as tick:
        rows = expected(here, span, tick)
    show(rows, ("channel", "topic", "alerts", "updates", "alerts_a_day"), form, title="alerts there would have been")


def _original(here: World, place: str) -> bytes:
    from heliograph.assembly.replay_letters import original

    return original(here, place)


def _letters(here: World, span: Span, to: Target | None, form: Format) -> None:
    from heliograph.assembly.replay import kept
    from heliograph.assembly.replay_letters import again, letters
    from heliograph.compose import steps
    from heliograph.core.event import DEAD_LETTERS

    if to is None:
        rows = [letter.row() for letter in letters(here, span)]
        show(rows, _LETTER_CSV if form is Format.csv else _LETTER, form, title="dead letters")
        return
    with progress("dead letters", kept(here, DEAD_LETTERS)) as tick:
        found = again(here, steps(here), span, to.value, tick)
    show([{"place": where, "cause": why} for where, why in found.refused], ("place", "cause"), form)
    summary = f"{found.tried} tried, {found.through} went through with {found.events} new events"
    notes().print(f"{summary}, {len(found.refused)} refused again and kept", style="dim")
    if found.refused:
        raise typer.Exit(1)
