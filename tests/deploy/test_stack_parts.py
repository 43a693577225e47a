"""What `deploy/stack` decides before a server starts, and how it tells its own processes from strangers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.stack import StackError, jars, jdk
from deploy.stack.memory import Memory
from deploy.stack.ports import CHOICE, HOST, choose, is_free
from deploy.stack.process import PAUSED, RUNNING, STOPPED, Process, spawn
from deploy.stack.servers import Stack
from deploy.stack.stack import options

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "stack" / "stack.py"


def java(folder: Path, version: str, *, compiler: bool = True) -> Path:
    """Make what looks like the home of a Java."""
    (folder / "bin").mkdir(parents=True)
    for name in ("java", "javac") if compiler else ("java",):
        (folder / "bin" / name).touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="someone"\nJAVA_VERSION="{version}"\n')
    return folder


def test_java_home_wins_where_it_is_new_enough(tmp_path: Path) -> None:
    named, other = java(tmp_path / "named", "25.0.3"), java(tmp_path / "usual" / "a", "21.0.1")
    places = [str(other.parent / "*")]
    assert jdk.find(21, "Elasticsearch", {"JAVA_HOME": str(named)}, places=places) == named
    assert jdk.find(21, "Elasticsearch", {}, places=places) == other


def test_a_java_home_that_is_too_old_is_passed_over_for_the_oldest_that_suffices(tmp_path: Path) -> None:
    named = java(tmp_path / "named", "17.0.15")
    for version in ("1.8.0_402", "25.0.3", "21.0.9"):
        java(tmp_path / "usual" / version, version)
    given = {"JAVA_HOME": str(named)}
    found = jdk.find(21, "Elasticsearch", given, places=[str(tmp_path / "usual" / "*")])
    assert found.name == "21.0.9"
    assert jdk.find(17, "Kafka", given, places=[str(tmp_path / "usual" / "*")]) == named


def test_no_java_is_one_line_that_says_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        StackError, match=r"Kafka needs Java 17 or newer; found: none\. Install one, or name it in JAVA_"
    ):
        jdk.find(17, "Kafka", {}, places=[])
    old = java(tmp_path / "old", "17.0.15")
    with pytest.raises(StackError, match=rf"Elasticsearch needs Java 21 or newer; found: 17 in {old}\."):
        jdk.find(21, "Elasticsearch", {"JAVA_HOME": str(old)}, places=[])


def test_a_java_without_a_compiler_cannot_build(tmp_path: Path) -> None:
    home = java(tmp_path / "runtime", "21.0.9", compiler=False)
    assert jdk.find(21, "Elasticsearch", {"JAVA_HOME": str(home)}, places=[]) == home
    with pytest.raises(StackError, match=r"a JDK \(with javac\) 21"):
        jdk.find(21, "Building", {"JAVA_HOME": str(home)}, compiler=True, places=[])


def test_a_java_without_a_release_file_is_asked(tmp_path: Path) -> None:
    home = java(tmp_path / "asked", "0")
    (home / "release").unlink()
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"23.0.1\" 2026-01-01' >&2\n")
    assert jdk.version(home) == 23


def test_a_port_that_was_asked_for_and_is_in_use_is_an_error() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(StackError, match=rf"port {port} \(STACK_KAFKA_PORT\) is in use"):
            choose(port, 0, (), "STACK_KAFKA_PORT")


def test_a_port_that_is_only_preferred_gives_way_to_a_free_one_that_no_client_is_given() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        chosen = choose(0, port, (), "")
    assert chosen in CHOICE
    assert choose(0, chosen, (), "") == chosen
    assert choose(0, chosen, (chosen,), "") != chosen


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_stranger_with_the_pid_of_an_ended_node_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    stale = Process(sleeper.pid, "1")
    assert stale.state() == STOPPED
    stale.send(signal.SIGKILL)
    assert sleeper.poll() is None


def test_a_pid_of_zero_is_nobody_rather_than_everybody() -> None:
    assert Process(0, "").state() == STOPPED


def test_a_process_outlives_its_starter_and_can_be_paused_and_ended(tmp_path: Path) -> None:
    output = tmp_path / "output.log"
    output.write_text("of the run before\n")
    command = [sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()"]
    code = (
        "import sys; from pathlib import Path; from deploy.stack.process import spawn\n"
        f"made = spawn({command!r}, Path({str(output)!r}), {{}})\nprint(made.pid, made.started)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPT.parents[2], capture_output=True, check=True)
    pid, started = done.stdout.split()
    process = Process(int(pid), started.decode())
    assert process.state() == RUNNING
    assert os.getsid(process.pid) == process.pid
    process.send(signal.SIGSTOP)
    assert not process.ended(within=0.2)
    assert process.state() == PAUSED
    process.send(signal.SIGKILL)
    assert process.ended(within=20)
    assert output.with_name("output.log.1").read_text() == "of the run before\n"


def test_an_ended_child_is_stopped_and_no_zombie(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "pass"], tmp_path / "output.log", {})
    assert process.ended(within=20)


def test_what_the_cache_lacks_is_made_once_by_however_many_ask(tmp_path: Path) -> None:
    source = tmp_path / "pom.xml"
    source.write_text("one")
    made: list[Path] = []
    together = threading.Barrier(4)

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "a.jar").touch()

    def ask() -> None:
        together.wait()
        assert (jars.kept(tmp_path / "cache", "kafka", [source], make) / "a.jar").exists()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    source.write_text("two")
    jars.kept(tmp_path / "cache", "kafka", [source], make)
    assert len(made) == 2


def test_a_download_that_breaks_off_is_told_and_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho '[ERROR] Could not resolve kafka: no route to host'\nexit 1\n")
    maven.chmod(0o755)
    pom = tmp_path / "pom.xml"
    pom.touch()
    given = {"PATH": str(maven.parent)}

    def fetch(folder: Path) -> None:
        jars.fetch(pom, folder, "Kafka", given)

    with pytest.raises(StackError, match=r"Maven could not fetch Kafka: Could not resolve kafka: no route to host"):
        jars.kept(tmp_path / "cache", "kafka", [pom], fetch)
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".part"] == ["lock"]
    given["PATH"] = "/nowhere"
    with pytest.raises(StackError, match=r"mvn is not on the path; install it"):
        jars.kept(tmp_path / "cache", "kafka", [pom], fetch)


def test_the_cache_lies_where_it_is_named_or_in_the_users_own() -> None:
    assert jars.cache({"STACK_CACHE": "/a"}) == Path("/a")
    assert jars.cache({"XDG_CACHE_HOME": "/b"}) == Path("/b/heliograph/stack")
    assert jars.cache({}) == Path.home() / ".cache" / "heliograph" / "stack"


@pytest.mark.parametrize(
    ("name", "value"),
    [("STACK_BROKERS", "2"), ("STACK_KAFKA_PORT", "http"), ("STACK_ELASTICSEARCH_HEAP", "half a gigabyte")],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(StackError, match=name):
        options({name: value})


def test_data_of_one_broker_are_not_started_as_three(tmp_path: Path) -> None:
    memory = Memory(tmp_path, 1)
    with memory.held() as state:
        state["nodes"]["kafka-1"] = {"port": 1, "peer": 2, "pid": 0, "started": ""}
    with pytest.raises(StackError, match=r"holds a Kafka of 1 broker\(s\), not 3; remove it"):
        Memory(tmp_path, 3).check(memory.read())
    assert Memory(tmp_path).read()["brokers"] == 1


def test_a_node_that_is_none_or_was_never_started_is_told_apart(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack", environment={})
    with pytest.raises(StackError, match=r"there is no kafka-2 here; there are kafka-1, elasticsearch"):
        stack.kill("kafka-2")
    with pytest.raises(StackError, match=r"kafka-1 was never started here; begin with: stack\.py up"):
        stack.pause("kafka-1")


def test_the_command_line_needs_nothing_but_python_and_says_when_nothing_runs(tmp_path: Path) -> None:
    given = {**jars.default_environment(), "STACK_STATE": str(tmp_path / "none")}

    def run(*verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-W", "error", str(SCRIPT), *verb]
        return subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False)

    for _ in range(2):
        down = run("down")
        assert (down.returncode, down.stdout, down.stderr) == (0, "", "stack: nothing runs\n")
    status = run("status")
    assert status.returncode == 1
    assert "begin with: stack.py up" in status.stderr
    assert not (tmp_path / "none").exists(), "looking makes nothing"
    wrong = run("start", "kafka-9")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
