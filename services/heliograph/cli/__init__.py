"""The command line: one file a verb, no logic.

    __init__.py  finds the verbs, turns errors into one line and an exit status
    output.py    rows as a table, JSON or CSV; progress where a person looks
    VERB.py      `register(app)` adds the verb

Exit status: 0, 1 for a negative answer or a failure, 2 for wrong use, 130 when interrupted. An error is one line on
stderr.
A verb's module is imported at every start, so whatever is heavy is imported inside its function.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from heliograph import __version__
from heliograph.errors import HeliographError, UsageError

_NOT_VERBS = {"output", "common", "backtest"}


def verbs() -> list[str]:
    """Return the names of the modules that are verbs, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name not in _NOT_VERBS)


def build_app() -> typer.Typer:
    """Return the command line with every verb."""
    app = typer.Typer(
        name="heliograph",
        help="Watch the news: feeds in, topics flagged and explained, searchable, alerted once a story.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )

    @app.callback(invoke_without_command=True)
    def top(
        context: typer.Context, version: bool = typer.Option(False, "--version", help="Show the version and exit.")
    ) -> None:
        if version:
            typer.echo(f"heliograph {__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    for name in verbs():
        importlib.import_module(f"heliograph.cli.{name}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(execute(arguments))


def execute(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status. Never raises, never prints a traceback for a user's mistake."""
    command = typer.main.get_command(build_app())
    try:
        given = list(arguments) if arguments is not None else None
        status = command.main(args=given, prog_name="heliograph", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        return 130
    except typer.TyperException as error:
        # Only usage errors of the parser arrive here; all of them can format themselves.
        _complain(f"{getattr(error, 'format_message', error.__str__)()} Try --help.")
        return 2
    except HeliographError as error:
        _complain(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except (BrokenPipeError, SystemExit):
        # The reader (`head`, a pager) has seen enough, and typer leaves by SystemExit for nothing else in this mode.
        # Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
        return 1


def _complain(message: str) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"heliograph: {line}\n")
