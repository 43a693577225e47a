"""`python -m heliograph.demo`: serve the demo world until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from heliograph.demo.server import DemoServer, start
from heliograph.errors import HeliographError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m heliograph.demo", description="Serve invented feeds on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--write-sources", type=Path, metavar="FILE", help="write a sources.yaml of these feeds")
    parser.add_argument("--announce", action="store_true", help="print a line for each article as it appears")
    parser.add_argument("--no-hostile", action="store_true", help="leave out the broken and hostile feeds")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.part")
    half.write_text(text, "utf-8")
    half.replace(path)


async def _announce(server: DemoServer) -> None:
    since = 0.0
    while (left := server.next_appearance()) is not None:
        # A little past the moment, so that rounding never wakes us just before it.
        await asyncio.sleep(left + 0.01)
        reached = server.elapsed
        for outlet, item in server.appeared(since):
            _say(f"+{item.appears_after} s  {item.kind:<10}  {outlet.language}  {outlet.title}: {item.title}")
        since = reached


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await start(arguments.host, arguments.port, hostile=not arguments.no_hostile)
    try:
        if arguments.write_sources:
            await asyncio.to_thread(_write, arguments.write_sources, server.sources_yaml())
        _say(f"demo feeds on {server.url}")
        teller = asyncio.create_task(_announce(server)) if arguments.announce else None
        await stop.wait()
        if teller is not None:
            teller.cancel()
    finally:
        await server.stop()


def main() -> int:
    """Run the server; return 0 after a clean stop and 2 when it could not start."""
    try:
        asyncio.run(_serve(_arguments()))
    except (OSError, HeliographError) as error:
        sys.stderr.write(f"heliograph demo: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
