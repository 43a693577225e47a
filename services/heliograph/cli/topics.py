"""`heliograph topics`: list, validate, test and back-test the standing topics."""

from __future__ import annotations

from pathlib import Path

import typer

from heliograph.cli import backtest
from heliograph.cli.common import CONFIG_OPTION, DATA_OPTION, FOLDER_OPTION, definitions, load
from heliograph.cli.output import FORMAT_OPTION, Format, notes, show


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(help="List, validate and test topics.", no_args_is_help=True)
    app.add_typer(group, name="topics")
    backtest.add_to(group)

    @group.command("list")
    def list_topics(
        form: Format = FORMAT_OPTION,
        folder: Path | None = FOLDER_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """List topics with their versions."""
        found = definitions(load(config, {"data": data}), folder)
        rows = [
            {
                "id": topic.id,
                "name": topic.name,
                "severity": topic.severity,
                "version": found.compiled[topic.id].version if topic.id in found.compiled else "does not compile",
                "concepts": list(found.compiled[topic.id].concepts) if topic.id in found.compiled else [],
                "examples": len(topic.match) + len(topic.miss),
                "file": topic.place,
                "query": topic.query,
            }
            for topic in found.topics.values()
        ]
        show(rows, ("id", "name", "severity", "version", "examples", "file"), form, title="topics")

    @group.command()
    def check(
        form: Format = FORMAT_OPTION,
        folder: Path | None = FOLDER_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Look topic and concept files over: errors, parts that do nothing, overlaps, cost; exit 1 on errors."""
        from heliograph.detect.check import SEVERITIES, check_definitions

        found = definitions(load(config, {"data": data}), folder)
        findings = check_definitions(found)
        rows = [{"severity": f.severity, "place": f.place, "message": f.message} for f in findings]
        show(rows, ("severity", "place", "message"), form, title="findings")
        counts = [(sum(f.severity == severity for f in findings), severity) for severity in SEVERITIES]
        counted = ", ".join(f"{number} {severity}" for number, severity in counts)
        notes().print(f"{len(found.topics)} topics, {len(found.concepts)} concepts; findings: {counted}")
        if any(f.severity == "error" for f in findings):
            raise typer.Exit(1)

    @group.command()
    def test(
        topics: list[str] = typer.Argument(None, metavar="[TOPIC]...", help="Topics to test (default: all)."),
        form: Format = FORMAT_OPTION,
        folder: Path | None = FOLDER_OPTION,
        data: Path | None = DATA_OPTION,
        config: Path | None = CONFIG_OPTION,
    ) -> None:
        """Run the examples in the topics' files; exit 1 where one fails."""
        from heliograph.detect.examples import run_examples
        from heliograph.errors import UsageError

        found = definitions(load(config, {"data": data}), folder)
        for name in topics or ():
            if name not in found.topics:
                raise UsageError(f"no topic {name!r}; known: {', '.join(sorted(found.topics))}")
        results = [
            result
            for name, topic in found.topics.items()
            if name in found.compiled and (not topics or name in topics)
            for result in run_examples(topic, found.compiled[name])
        ]
        rows = [
            {
                "topic": r.topic,
                "kind": r.kind,
                "result": "ok" if r.passed else "FAILED",
                "lang": r.example.lang,
                "line": r.example.line,
                "text": r.example.text if form is Format.json else r.example.text[:70],
                "found": [piece.text for piece in r.evidence],
            }
            for r in results
        ]
        shown = rows if form is not Format.table else [row for row in rows if row["result"] != "ok"]
        if shown or form is not Format.table:
            show(shown, ("topic", "kind", "result", "lang", "line", "text", "found"), form)
        failed = sum(not r.passed for r in results)
        for error in found.errors:
            notes().print(f"heliograph: {error}", style="red", markup=False)
        notes().print(f"{len(results)} examples, {failed} failed")
        if failed or found.errors or not results:
            raise typer.Exit(1)
