"""`heliograph migrate` in small batches, killed as `kill -9` does once so much of a kind has been moved.

    python -P migrate_child.py WHAT COUNT [ARGUMENT]...

The process kills itself in the middle of its work: where it is told of progress, so that the moment is no accident.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

from heliograph.assembly import migrate
from heliograph.assembly.migrate import Moved, Note
from heliograph.assembly.world import World
from heliograph.cli import execute

BATCH = 4
_whole = migrate.migrate


def deadly(note: Note, what: str, count: int) -> Note:
    """Return a note that is the last thing this process does when `count` of `what` are done."""
    left = count

    def told(kind: str, more: int) -> None:
        nonlocal left
        note(kind, more)
        left -= more if kind == what else 0
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return told


def main(what: str, count: int, arguments: list[str]) -> int:
    """Migrate until then."""

    def cut(source: World, target: World, note: Note) -> Iterator[Moved]:
        return _whole(source, target, deadly(note, what, count))

    migrate.BATCH = BATCH
    migrate.migrate = cut
    return execute(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
