"""Real processes that race, are killed, and are stopped past their lease and continued."""

import signal
import subprocess
import sys
import time

import pytest

from plugin.domain.errors import Reason
from plugin.domain.job import JobState
from plugin.registry import Registry
from tests.plugin.registry.samples import make_instance, make_result, queue_job


@pytest.fixture
def live_registry(registry_url):
    """Give a registry by the real clock, which the processes share."""
    with Registry(registry_url) as registry:
        registry.migrate()
        yield registry


@pytest.fixture
def contend(registry_url):
    """Start contenders; all are gone at the end."""
    started = []

    def start(lease_seconds, *job_ids):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.plugin.registry.contender",
                registry_url,
                str(lease_seconds),
                *job_ids,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _next(process):
    process.stdin.write("\n")
    process.stdin.flush()


def _said(process):
    return process.stdout.readline().split()


def test_processes_that_race_share_the_jobs_without_overlap(live_registry, contend):
    jobs = [
        queue_job(live_registry, make_instance(study_instance_uid=f"1.2.{n}")).id for n in range(12)
    ]
    processes = [contend(60, *jobs) for _ in range(3)]
    assert [_said(p) for p in processes] == [["ready"]] * 3
    for process in processes:
        _next(process)

    got = [job_id for process in processes for job_id in _said(process)]

    assert sorted(got) == sorted(jobs)


def test_a_killed_worker_loses_its_job_to_another(live_registry, contend):
    job = queue_job(live_registry)
    victim = contend(0.5, job.id)
    _said(victim)
    _next(victim)
    assert _said(victim) == [job.id]
    victim.send_signal(signal.SIGKILL)
    victim.wait()

    deadline = time.monotonic() + 30
    while not live_registry.jobs.sweep_expired():
        assert time.monotonic() < deadline
        time.sleep(0.1)

    lost = live_registry.jobs.get(job.id)
    assert (lost.state, lost.reason) == (JobState.QUEUED, Reason.WORKER_LOST)
    again = live_registry.jobs.claim(job.id, "another", 60)
    assert live_registry.jobs.publish(again.id, again.fence, make_result("another"))


def test_a_worker_stopped_past_its_lease_publishes_nothing(live_registry, contend):
    job = queue_job(live_registry)
    sleeper = contend(0.5, job.id)
    _said(sleeper)
    _next(sleeper)
    assert _said(sleeper) == [job.id]
    sleeper.send_signal(signal.SIGSTOP)

    deadline = time.monotonic() + 30
    while (again := live_registry.jobs.claim(job.id, "another", 60)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    sleeper.send_signal(signal.SIGCONT)
    _next(sleeper)

    assert _said(sleeper) == ["False"]
    assert live_registry.jobs.get(job.id).state is JobState.RUNNING
    assert live_registry.jobs.publish(again.id, again.fence, make_result("another"))
    assert len(live_registry.jobs.result_objects(job.id)) == 2
