"""The command line as a whole: every verb and option explains itself, errors are one line, output is clean."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import typer

from heliograph import __version__
from heliograph.cli import build_app, verbs

if TYPE_CHECKING:
    from tests.cli.conftest import Run

PROMISED = {
    *("run", "demo", "scan", "parse", "sanitize", "search", "query explain", "replay", "doctor", "migrate"),
    *("topics list", "topics check", "topics test", "topics backtest"),
    *("feeds list", "feeds add", "feeds remove", "feeds check", "feeds discover", "feeds import", "feeds export"),
    *("alerts list", "alerts show", "alerts retry", "alerts silence", "alerts channels list", "alerts channels test"),
}
LISTING = {
    *("search", "topics list", "topics check", "topics test", "feeds list", "feeds check", "feeds discover"),
    *("alerts list", "alerts show", "alerts channels list", "replay", "doctor"),
}


def commands() -> Iterator[tuple[str, Any]]:
    """Yield (words, command) for everything that can be run."""
    todo: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(build_app()))]
    while todo:
        words, command = todo.pop()
        below = getattr(command, "commands", None)
        if below is None:
            yield " ".join(words), command
        else:
            todo += [((*words, name), one) for name, one in below.items()]


COMMANDS = dict(sorted(commands()))


def test_every_verb_of_the_design_is_there() -> None:
    assert COMMANDS.keys() == PROMISED


@pytest.mark.parametrize("words", COMMANDS)
def test_a_verb_says_what_it_does_and_what_each_option_means(hg: Run, words: str) -> None:
    command = COMMANDS[words]
    assert command.help
    assert command.help.strip()[0].isupper()
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", ""), f"{words}: {parameter.name} is not explained"
    answer = hg(*words.split(), "--help")
    assert answer.status == 0
    assert f"heliograph {words}" in answer.out
    assert answer.err == ""


@pytest.mark.parametrize("words", sorted(LISTING))
def test_every_listing_verb_takes_the_three_formats(hg: Run, words: str) -> None:
    answer = hg(*words.split(), "--format", "xml")
    assert answer.status == 2
    assert "'table', 'json', 'csv'" in answer.err


@pytest.mark.parametrize("words", COMMANDS)
def test_an_unknown_option_is_one_line_and_exit_2(hg: Run, words: str) -> None:
    answer = hg(*words.split(), "--nonesuch")
    assert answer.status == 2
    assert re.fullmatch(r"heliograph: [^\n]+\n", answer.err)
    assert answer.out == ""


def test_an_unknown_verb_is_one_line_and_exit_2(hg: Run) -> None:
    answer = hg("serach")
    assert answer.status == 2
    assert len(answer.err.splitlines()) == 1
    assert "serach" in answer.err


def test_without_a_verb_the_help_is_shown(hg: Run) -> None:
    answer = hg()
    shown = answer.out + answer.err
    assert all(name in shown for name in verbs())


def test_the_version_is_told(hg: Run) -> None:
    answer = hg("--version")
    assert (answer.status, answer.out) == (0, f"heliograph {__version__}\n")


def test_a_settings_file_that_is_missing_is_wrong_use_everywhere(hg: Run) -> None:
    for words in ("run", "search tea", "feeds list", "alerts list", "topics list", "query explain tea"):
        answer = hg(*words.split(), "--config", "gone.toml")
        assert answer.status == 2, words
        assert "gone.toml" in answer.err
        assert len(answer.err.splitlines()) == 1


@pytest.mark.usefixtures("filled")
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    program = f"{sys.executable} -m heliograph feeds list --format json"
    shell = f"HELIOGRAPH_SOURCES=default {program} | head -c 1; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "0\n"


@pytest.mark.usefixtures("filled")
def test_progress_and_notes_never_mix_with_the_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heliograph", "replay", "--to", "index", "--format", "json"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith(b"[")
    assert b"\x1b" not in done.stdout + done.stderr
