from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliograph.errors import FeedError
from heliograph.runtime.sandbox import Sandbox

TARGETS = """
import os, signal, threading

PREPARED = []

def prepare():
    PREPARED.append(os.getpid())

def echo(data):
    return data

def pid(data):
    return str(os.getpid()).encode()

def prepared(data):
    return str(len(PREPARED)).encode()

def spin(data):
    if data != b"spin":
        return data
    while True:
        pass

def spin_in_c(data):
    return str(sum(range(10**12))).encode()

def sleep(data):
    threading.Event().wait(3600)

def hoard(data):
    if data != b"hoard":
        return data
    return bytes(10**9)

def fail(data):
    raise KeyError("what was asked for")

def die(data):
    if data != b"die":
        return data
    os.kill(os.getpid(), signal.SIGSEGV)

def chatter(data):
    print("noise on standard output", flush=True)
    os.write(1, b"more noise")
    return data

def write_file(data):
    with open(data.decode(), "wb") as file:
        file.write(b"x")
    return b""
"""

Make = Callable[..., Sandbox]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    (tmp_path / "sandbox_targets.py").write_text(TARGETS)
    sys.path.append(str(tmp_path))
    made: list[Sandbox] = []

    def factory(function: str, **options: float) -> Sandbox:
        box = Sandbox(f"sandbox_targets:{function}", **options)  # type: ignore[arg-type]  # numbers by name
        made.append(box)
        return box

    yield factory
    for box in made:
        box.close()
    sys.path.remove(str(tmp_path))


def ended(pid: int) -> bool:
    """Tell whether a process is gone, not even left as a zombie."""
    return not Path(f"/proc/{pid}").exists()


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


def test_no_child_is_started_before_the_first_request(make: Make) -> None:
    box = make("echo")
    assert box.pids == ()
    assert box.call(b"hello") == b"hello"
    assert len(box.pids) == 1


def test_megabytes_travel_both_ways_and_the_child_is_kept(make: Make) -> None:
    box = make("echo")
    payload = os.urandom(5_000_000)
    assert box.call(payload) == payload
    first = box.pids
    assert box.call(b"") == b""
    assert box.pids == first


def test_what_the_function_prints_does_not_reach_the_reply(make: Make) -> None:
    assert make("chatter").call(b"clean") == b"clean"


def test_prepare_runs_once_in_each_child(make: Make) -> None:
    box = make("prepared")
    assert box.call(b"") == b"1"
    assert box.call(b"") == b"1"


def test_a_spinning_request_fails_alone_at_its_cpu_deadline(make: Make) -> None:
    box = make("spin", cpu_seconds=0.2)
    assert box.call(b"before") == b"before"
    (pid,) = box.pids
    with pytest.raises(FeedError, match="CPU time") as caught:
        box.call(b"spin")
    assert caught.value.reason == "cpu-deadline"
    assert eventually(lambda: ended(pid))
    assert box.call(b"after") == b"after"


def test_the_deadline_reaches_into_a_library_that_never_returns_to_python(make: Make) -> None:
    with pytest.raises(FeedError) as caught:
        make("spin_in_c", cpu_seconds=0.2).call(b"")
    assert caught.value.reason == "cpu-deadline"


def test_a_request_that_waits_is_ended_at_the_wall_deadline(make: Make) -> None:
    box = make("sleep", wall_seconds=1.0)
    with pytest.raises(FeedError) as caught:
        box.call(b"")
    assert caught.value.reason == "wall-deadline"
    assert box.pids == ()


def test_a_request_beyond_its_memory_fails_alone(make: Make) -> None:
    box = make("hoard", memory_bytes=50 * 1024 * 1024)
    with pytest.raises(FeedError, match="50 MiB") as caught:
        box.call(b"hoard")
    assert caught.value.reason == "memory"
    assert box.call(b"after") == b"after"


def test_a_crash_is_told_and_the_next_request_finds_a_new_child(make: Make) -> None:
    box = make("die")
    with pytest.raises(FeedError) as caught:
        box.call(b"die")
    assert caught.value.reason == "crashed"
    assert box.call(b"after") == b"after"


def test_an_exception_of_the_function_is_told_with_its_words(make: Make) -> None:
    with pytest.raises(FeedError, match="KeyError: 'what was asked for'") as caught:
        make("fail").call(b"")
    assert caught.value.reason == "crashed"


def test_a_child_writes_no_file(make: Make, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(FeedError):
        make("write_file").call(str(target).encode())
    assert not target.exists() or target.stat().st_size == 0


def test_a_child_is_replaced_after_its_share_of_requests(make: Make) -> None:
    box = make("pid", recycle_after=2)
    pids = [box.call(b"") for _ in range(6)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
    assert eventually(lambda: all(ended(int(pid)) for pid in pids[:4]))


def test_an_idle_child_ends_by_itself_and_leaves_no_zombie(make: Make) -> None:
    box = make("pid", idle_seconds=0.2)
    pid = int(box.call(b""))
    assert eventually(lambda: ended(pid))
    assert eventually(lambda: box.pids == ())
    assert int(box.call(b"")) != pid


def test_many_threads_share_few_children(make: Make) -> None:
    box = make("pid", workers=2)
    seen: list[bytes] = []
    threads = [threading.Thread(target=lambda: seen.extend(box.call(b"") for _ in range(10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 60
    assert 1 <= len(set(seen)) <= 2


def test_the_event_loop_goes_on_while_a_request_is_worked_on(make: Make) -> None:
    box = make("spin", cpu_seconds=0.5)

    async def both() -> int:
        asked = asyncio.ensure_future(box.acall(b"spin"))
        turns = 0
        while not asked.done():
            turns += 1
            await asyncio.sleep(0.005)
        with pytest.raises(FeedError):
            asked.result()
        return turns

    assert asyncio.run(both()) > 5


def test_closing_ends_every_child_and_refuses_further_calls(make: Make) -> None:
    box = make("pid")
    pid = int(box.call(b""))
    box.close()
    box.close()
    assert eventually(lambda: ended(pid))
    with pytest.raises(RuntimeError, match="closed"):
        box.call(b"")


def test_closing_ends_a_request_that_is_under_way(make: Make) -> None:
    box = make("sleep")
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            box.call(b"")
        except FeedError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert eventually(lambda: bool(box.pids))
    box.close()
    thread.join(20)
    assert len(failed) == 1


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "sandbox_targets.py").write_text(TARGETS)
    code = (
        f"import sys; sys.path[:] = {[str(tmp_path), *sys.path]!r}\n"
        "from heliograph.runtime.sandbox import Sandbox\n"
        "box = Sandbox('sandbox_targets:pid')\n"
        "print(box.call(b'').decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not ended(pid)
        parent.kill()
        parent.wait()
        assert eventually(lambda: ended(pid))
