import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import plugin.cli
from plugin.domain.errors import ConfigurationError, Reason
from plugin.spool import Spool
from plugin.supervisor import Supervisor, _alone, command_of, environment

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def exits(code):
    return [sys.executable, "-c", f"raise SystemExit({code})"]


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def told():
    return []


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def ended(supervisor, name):
    return supervisor._children[name].process.poll() is not None


def test_supervisor_starts_every_process_in_order(told):
    supervisor = Supervisor({"node": SLEEP, "worker": SLEEP}, told.append)
    supervisor.tick()
    supervisor.shut_down()
    assert [line.split()[0] for line in told] == ["node", "worker", "node", "worker"]
    assert [line.split()[1] for line in told] == ["started", "started", "stopped", "stopped"]


def test_supervisor_starts_again_what_died_and_waits_longer_each_time(told):
    clock = Clock()
    supervisor = Supervisor({"worker": exits(1)}, told.append, clock=clock)
    waits = []
    for _ in range(3):
        supervisor.tick()
        wait_until(lambda: ended(supervisor, "worker"))
        supervisor.tick()
        child = supervisor._children["worker"]
        assert child.process is None
        waits.append(child.start_at - clock.now)
        supervisor.tick()
        assert child.process is None, "started before its time"
        clock.now = child.start_at
    assert waits == [1.0, 2.0, 4.0]
    assert sum("started again" in line for line in told) == 2


def test_supervisor_forgets_the_backoff_of_a_process_that_lived_long(told):
    clock = Clock()
    supervisor = Supervisor({"worker": SLEEP}, told.append, clock=clock)
    supervisor.tick()
    child = supervisor._children["worker"]
    child.backoff_seconds = 32.0
    clock.now += 61
    child.process.kill()
    wait_until(lambda: ended(supervisor, "worker"))
    supervisor.tick()
    assert child.start_at - clock.now == 1.0
    assert "signal 9" in told[-1]


@pytest.mark.parametrize("code", [2, 4])
def test_supervisor_gives_up_when_a_process_cannot_run_at_all(told, code):
    supervisor = Supervisor({"node": SLEEP, "worker": exits(code)}, told.append)
    with pytest.raises(ConfigurationError) as caught:
        supervisor.run()
    assert caught.value.reason is Reason.PROCESS_FAILED
    assert "worker" in caught.value.sentence
    assert supervisor._children["node"].process is None


def test_supervisor_keeps_the_others_when_a_process_fails_that_ran_before(told):
    clock = Clock()
    supervisor = Supervisor({"worker": SLEEP}, told.append, clock=clock)
    supervisor.tick()
    child = supervisor._children["worker"]
    child.process.kill()
    wait_until(lambda: ended(supervisor, "worker"))
    supervisor.tick()
    child.command = exits(4)
    clock.now = child.start_at
    supervisor.tick()
    wait_until(lambda: ended(supervisor, "worker"))
    supervisor.tick()
    assert "starting again" in told[-1]


def test_supervisor_stops_from_the_entrance_to_the_exit(told):
    names = ("redis", "web", "deliver", "worker", "assemble", "node")
    supervisor = Supervisor(dict.fromkeys(names, SLEEP), told.append)
    supervisor.tick()
    supervisor.shut_down()
    stopped = [line.split()[0] for line in told if line.endswith("stopped")]
    assert stopped == ["node", "assemble", "worker", "deliver", "web", "redis"]


def test_supervisor_leaves_at_sigterm_without_a_child(told):
    supervisor = Supervisor({"node": SLEEP}, told.append)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        supervisor.run()
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert told[-1].split() == ["node", "stopped"]


def test_supervisor_writes_which_processes_run(told, tmp_path):
    state = tmp_path / "processes.json"
    supervisor = Supervisor({"node": SLEEP, "worker": exits(1)}, told.append, state_file=state)
    supervisor.tick()
    wait_until(lambda: ended(supervisor, "worker"))
    supervisor._written_at = -1e9
    supervisor.tick()
    written = json.loads(state.read_text())
    supervisor.shut_down()
    assert written["processes"]["node"] == "running"
    assert written["processes"]["worker"].startswith("starts in")
    assert abs(written["at"] - time.time()) < 60


def test_supervisor_that_stopped_leaves_no_word_of_its_processes(told, tmp_path):
    state = tmp_path / "processes.json"
    supervisor = Supervisor({"node": SLEEP}, told.append, state_file=state)
    supervisor.tick()
    assert state.exists()
    supervisor.shut_down()
    assert list(tmp_path.iterdir()) == []


def test_child_ends_when_its_supervisor_is_killed(tmp_path):
    script = (
        "import sys, time\n"
        "from plugin.supervisor import Supervisor\n"
        "s = Supervisor({'node': [sys.executable, '-c', 'import time; time.sleep(60)']}, print)\n"
        "s.tick(); print(s._children['node'].process.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment()
    )
    parent.stdout.readline()
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()

    def gone():
        try:
            return Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    wait_until(gone)


def test_second_supervisor_on_one_spool_is_refused(tmp_path):
    spool = Spool(tmp_path / "spool")
    with _alone(spool), pytest.raises(ConfigurationError) as caught, _alone(spool):
        pass
    assert caught.value.reason is Reason.ALREADY_RUNNING


def test_children_run_the_same_code_from_any_folder(tmp_path):
    code = "import plugin.cli; print(plugin.cli.__file__)"
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "__init__.py").write_text("raise SystemExit('wrong plugin')")
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == plugin.cli.__file__


def test_command_of_a_process_names_the_settings_file_absolutely(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = command_of("node", Path("a.toml"))
    assert command[-3:] == ["node", "--config", str(tmp_path / "a.toml")]
    assert command_of("node", None)[-1] == "node"
