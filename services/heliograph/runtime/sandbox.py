"""A pure function in a child process, with limits that the kernel enforces.

    sandbox = Sandbox("heliograph.parse.worker:handle", cpu_seconds=2.0)
    reply = sandbox.call(request)            # or: await sandbox.acall(request)
    sandbox.close()

The function takes bytes and returns bytes; its module may have a `prepare()` that loads what it needs. Each request has
a deadline in CPU time (a profiling timer whose signal ends the child, even inside a library's loop) and one in wall
time (the parent's); the child has a limit on memory and may write no file. A request that breaks a limit fails alone,
with FeedError; the next one finds a new child. Children start with the first request, end by themselves when idle and
after a number of requests, and when the parent is gone, since their input ends then. They are started afresh, never
forked from the parent's threads.

A message on the pipes is four bytes of length, big-endian, and a MessagePack body.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final

import msgspec

from heliograph.errors import FeedError

_HEADER: Final = struct.Struct(">I")
_CHUNK: Final = 1 << 16
_STEP: Final = 0.5
_BOOT: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1])['path']; "
    "from heliograph.runtime.sandbox import child_main; child_main(sys.argv[1])"
)


class ChildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told at its start."""

    target: str
    cpu_seconds: float
    memory_bytes: int
    idle_seconds: float
    path: list[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A child's reply: the function's result, or why there is none."""

    value: bytes = b""
    reason: str = ""
    error: str = ""


class _ChildGone(Exception):  # noqa: N818 - says what happened, and never leaves this file
    """The child's pipes closed before it answered."""


class _Child:
    """One child process and its pipes."""

    def __init__(self, options: ChildOptions) -> None:
        argument = msgspec.json.encode(options).decode()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own code, no shell
            [sys.executable, "-I", "-c", _BOOT, argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout
        os.set_blocking(self._in.fileno(), False)
        self.pid = self._process.pid
        self.served = 0
        # Waits for the end, whenever it comes, so that none stays behind as a zombie.
        threading.Thread(target=self._process.wait, name=f"sandbox-reaper-{self.pid}", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, payload: bytes, wall_seconds: float) -> bytes:
        """Return the reply's body; raises _ChildGone, or TimeoutError at the wall deadline."""
        deadline = time.monotonic() + wall_seconds
        self._write(_HEADER.pack(len(payload)) + payload, deadline)
        (size,) = _HEADER.unpack(self._read(_HEADER.size, deadline))
        self.served += 1
        return self._read(size, deadline)

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(deadline, write=True)
            try:
                view = view[os.write(self._in.fileno(), view[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError) as error:
                raise _ChildGone from error

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(deadline, write=False)
            part = os.read(self._out.fileno(), min(_CHUNK, size - len(data)))
            if not part:
                raise _ChildGone
            data += part
        return bytes(data)

    def _wait(self, deadline: float, *, write: bool) -> None:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            readers, writers = ([], [self._in]) if write else ([self._out], [])
            if any(select.select(readers, writers, [], min(left, _STEP))):
                return

    def end(self, patience: float) -> int:
        """Close the child's input, wait that long for it to end, then kill it; returns its exit code."""
        self._in.close()
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._out.close()
        return code

    def kill(self) -> None:
        self._process.kill()


class Sandbox:
    """Runs `target` ("module:function", bytes to bytes) in up to `workers` children.

    `cpu_seconds` and `wall_seconds` limit one request, `memory_bytes` what a child may use beyond what it has once it
    is ready, `idle_seconds` how long an idle child stays, `recycle_after` how many requests one child serves.
    Thread-safe.
    """

    def __init__(
        self,
        target: str,
        *,
        workers: int = 1,
        cpu_seconds: float = 2.0,
        wall_seconds: float = 30.0,
        memory_bytes: int = 100 * 1024 * 1024,
        idle_seconds: float = 60.0,
        recycle_after: int = 500,
    ) -> None:
        self._options = ChildOptions(
            target=target,
            cpu_seconds=cpu_seconds,
            memory_bytes=memory_bytes,
            idle_seconds=idle_seconds,
            path=[entry for entry in sys.path if entry],
        )
        self._workers = workers
        self._wall = wall_seconds
        self._recycle_after = recycle_after
        # Last in, first out: the warm child is asked again, the others may fall idle and end.
        self._slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._slots.put(None)
        self._lock = threading.Lock()
        self._children: set[_Child] = set()
        self._closed = False
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sandbox")

    def call(self, payload: bytes) -> bytes:
        """Return what the function returns for `payload`.

        Raises FeedError with the reason `cpu-deadline`, `wall-deadline`, `memory` or `crashed`; RuntimeError once
        closed.
        """
        child = self._slots.get()
        kept: _Child | None = None
        try:
            child, answer = self._ask(child, payload)
            if child.served < self._recycle_after and not answer.reason:
                kept = child
            else:
                self._dismiss(child)
        finally:
            self._slots.put(kept)
        if answer.reason:
            raise FeedError(f"{self._options.target}: {answer.error}", reason=answer.reason)
        return answer.value

    async def acall(self, payload: bytes) -> bytes:
        """As `call`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.call, payload)

    def close(self) -> None:
        """End every child and refuse further calls; a call that is under way fails. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            children = tuple(self._children)
        for child in children:
            child.kill()
        # A slot comes back when its call has failed; only who holds the slot closes the child's pipes.
        for _ in range(self._workers):
            waiting = self._slots.get()
            if waiting is not None:
                self._dismiss(waiting)
        for _ in range(self._workers):
            self._slots.put(None)
        self._executor.shutdown(wait=True)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the children that live."""
        with self._lock:
            return tuple(child.pid for child in self._children if child.alive)

    def _ask(self, child: _Child | None, payload: bytes) -> tuple[_Child, Answer]:
        fresh = child is None or not child.alive
        if child is not None and fresh:
            self._dismiss(child)
        current = self._start() if child is None or fresh else child
        try:
            return current, msgspec.msgpack.decode(current.ask(payload, self._wall), type=Answer)
        except TimeoutError:
            current.kill()
            self._dismiss(current)
            text = f"took more than {self._wall:g} s of wall time"
            raise FeedError(f"{self._options.target}: {text}", reason="wall-deadline") from None
        except _ChildGone:
            code = self._dismiss(current)
            if code == 0 and not fresh and not self._closed:
                # It fell idle just as it was asked: ask a new one.
                return self._ask(None, payload)
            raise self._death(code) from None

    def _start(self) -> _Child:
        with self._lock:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            child = _Child(self._options)
            self._children.add(child)
        return child

    def _dismiss(self, child: _Child) -> int:
        with self._lock:
            self._children.discard(child)
        return child.end(patience=5.0)

    def _death(self, code: int) -> FeedError:
        options = self._options
        if code == -signal.SIGPROF:
            text, reason = f"took more than {options.cpu_seconds:g} s of CPU time", "cpu-deadline"
        elif code == -signal.SIGABRT:
            # A native library that is refused memory aborts; within a limit on memory that is nearly always why.
            text, reason = f"aborted, as out of memory: the limit is {options.memory_bytes >> 20} MiB", "memory"
        else:
            text, reason = f"its process ended with code {code}", "crashed"
        return FeedError(f"{options.target}: {text}", reason=reason)


def child_main(argument: str) -> None:
    """Serve requests on standard input until it ends or none comes for the idle time."""
    options = msgspec.json.decode(argument, type=ChildOptions)
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    # What a library prints must not land between our messages.
    os.dup2(null, 0)
    os.dup2(null, 1)
    module_name, _, name = options.target.partition(":")
    module = importlib.import_module(module_name)
    function = getattr(module, name)
    prepare = getattr(module, "prepare", None)
    if prepare is not None:
        prepare()
    # What is loaded by now stays: the collector need not walk it with every request's garbage.
    gc.freeze()
    _limit(options.memory_bytes)
    while select.select([requests], [], [], options.idle_seconds)[0]:
        header = _read_exactly(requests, _HEADER.size)
        if header is None:
            break
        payload = _read_exactly(requests, _HEADER.unpack(header)[0])
        if payload is None:
            break
        reply = msgspec.msgpack.encode(_serve(function, payload, options))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write_all(replies, _HEADER.pack(len(reply)) + reply)


def _serve(function: Callable[[bytes], bytes], payload: bytearray, options: ChildOptions) -> Answer:
    signal.setitimer(signal.ITIMER_PROF, options.cpu_seconds)
    try:
        return Answer(value=function(bytes(payload)))
    except MemoryError:
        return Answer(reason="memory", error=f"needs more than {options.memory_bytes >> 20} MiB of memory")
    except Exception as error:  # noqa: BLE001 - it is handed to the caller, who raises it
        return Answer(reason="crashed", error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def _limit(memory_bytes: int) -> None:
    """Allow this process that much address space beyond what it has, no file and no core dump."""
    import resource

    page = resource.getpagesize()
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a file of the kernel, not of a folder
        present = int(statm.read().split()[0]) * page
    resource.setrlimit(resource.RLIMIT_AS, (present + memory_bytes, present + memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read_exactly(handle: int, size: int) -> bytearray | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(handle, min(1 << 20, size - len(data)))
        if not part:
            return None
        data += part
    return data


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
