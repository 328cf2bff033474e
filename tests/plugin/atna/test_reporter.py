"""Reporting the trail over real sockets: in order, all of it, also after failures."""

import re
import time
from pathlib import Path

import pytest

from plugin.atna import AuditReporter
from plugin.domain.errors import Reason, TransientError
from plugin.settings import AuditSettings, Settings
from tests.certificates import Authority
from tests.plugin.atna.receiver import TlsReceiver, UdpReceiver
from tests.plugin.atna.schema import check
from tests.plugin.web.conftest import receive

HEADER = re.compile(
    rb"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) cmr-triage (\d+) DICOM\+RFC3881 - "
    rb"\xef\xbb\xbf(.*)",
    re.DOTALL,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.sign("repository")


@pytest.fixture
def reporter(tmp_path, registry, authority):
    def make(url, **audit):
        values = {"repository": url, "ca_file": authority.certificate, **audit}
        settings = Settings(spool={"folder": tmp_path}, audit=AuditSettings(**values))
        registry.audit_reports.begin()
        return AuditReporter(settings, registry)

    return make


@pytest.fixture
def receiving():
    """Open repositories that are closed at the end."""
    opened = []

    def receive_at(*values, kind=TlsReceiver, **more):
        opened.append(kind(*values, **more))
        return opened[-1]

    yield receive_at
    for one in opened:
        one.close()


def subjects(messages):
    """Return what the messages are about, after a look at every header and every schema rule."""
    roots = [check(HEADER.fullmatch(one)[5]) for one in messages]
    return [next(root.iter("ParticipantObjectName")).text for root in roots]


def refused(reporter):
    with pytest.raises(TransientError) as error:
        reporter.report()
    return error.value.reason


def test_everything_since_the_beginning_arrives_in_order(registry, reporter, receiving, pair):
    registry.audit.add("kate", "thing.do", "before reporting was switched on")
    repository = receiving(pair)
    reports = reporter(repository.url)
    for number in range(5):
        registry.audit.add("kate", "thing.do", f"thing {number}")
    assert registry.audit_reports.state().n_waiting == 5
    assert reports.report() == 5
    assert subjects(repository.messages) == [f"thing {number}" for number in range(5)]
    assert int(HEADER.fullmatch(repository.messages[0])[1]) == 10 * 8 + 5
    assert reports.report() == 0
    state = registry.audit_reports.state()
    assert (state.n_waiting, state.reason) == (0, None)
    assert state.last_sent_at is not None


def test_patient_goes_to_the_repository_and_nowhere_else(
    registry, reporter, receiving, pair, caplog
):
    repository = receiving(pair)
    reports = reporter(repository.url)
    study = receive(registry, patient_name="Secret^Name")
    registry.audit.add("kate", "study.view", f"study {study.study_key}")
    reports.report()
    assert b"Secret^Name" in repository.messages[0]
    assert "Secret" not in caplog.text
    assert "Secret" not in str(registry.audit.list())


def test_udp_sends_one_datagram_per_entry(registry, reporter, receiving):
    repository = receiving(kind=UdpReceiver)
    reports = reporter(repository.url)
    for number in range(2):
        registry.audit.add("kate", "thing.do", f"thing {number}")
    reports.report()
    assert subjects([repository.take(), repository.take()]) == ["thing 0", "thing 1"]


def test_the_repository_may_close_without_a_word(registry, reporter, receiving, pair):
    repository = receiving(pair, says_goodbye=False)
    reports = reporter(repository.url)
    registry.audit.add("kate", "thing.do", "thing")
    assert reports.report() == 1
    assert len(repository.messages) == 1


def test_nothing_is_lost_while_the_repository_is_down(registry, reporter, receiving, pair):
    dead = receiving(pair, breaks_off=True)
    reports = reporter(dead.url)
    registry.audit.add("kate", "thing.do", "thing 0")
    assert refused(reports) is Reason.AUDIT_REPOSITORY_UNREACHABLE
    assert refused(reporter("tls://127.0.0.1:9")) is Reason.AUDIT_REPOSITORY_UNREACHABLE
    registry.audit.add("kate", "thing.do", "thing 1")
    alive = receiving(pair)
    assert reporter(alive.url).report() == 2
    assert subjects(alive.messages) == ["thing 0", "thing 1"]


def test_a_repository_that_nobody_vouches_for_gets_nothing(registry, reporter, receiving, tmp_path):
    stranger = Authority(tmp_path / "other", "Somebody else").sign("repository")
    repository = receiving(stranger)
    reports = reporter(repository.url)
    registry.audit.add("kate", "thing.do", "thing")
    assert refused(reports) is Reason.AUDIT_REPOSITORY_CERTIFICATE
    assert repository.messages == []


def test_a_file_of_ours_that_cannot_be_used_is_not_the_networks_fault(
    registry, reporter, receiving, authority, pair, tmp_path
):
    repository, ours = receiving(pair), authority.sign("cmr-triage open")
    Path(ours.private_key).chmod(0o604)
    missing = str(tmp_path / "none.pem")
    registry.audit_reports.begin()
    registry.audit.add("kate", "thing.do", "thing")
    for files, reason in (
        ({"ca_file": missing}, Reason.CERTIFICATE_UNUSABLE),
        ({"certificate": missing, "private_key": missing}, Reason.CERTIFICATE_UNUSABLE),
        (vars(ours), Reason.PRIVATE_KEY_EXPOSED),
    ):
        assert refused(reporter(repository.url, **files)) is reason
    assert repository.messages == []


def test_the_repository_may_ask_for_our_certificate(registry, reporter, receiving, authority, pair):
    repository = receiving(pair, authority.certificate)
    registry.audit_reports.begin()
    registry.audit.add("kate", "thing.do", "thing")
    assert refused(reporter(repository.url)) is Reason.AUDIT_REPOSITORY_UNREACHABLE
    ours = authority.sign("cmr-triage")
    files = {"certificate": ours.certificate, "private_key": ours.private_key}
    assert reporter(repository.url, **files).report() == 1


def test_the_thread_tries_again_and_says_how_it_goes(
    registry, reporter, receiving, pair, monkeypatch
):
    monkeypatch.setattr("plugin.atna.reporter._LOOKS_EVERY_SECONDS", 0.05)
    repository = receiving(pair)
    reports = reporter(repository.url)
    real = reports.report
    answers = iter([TransientError(Reason.AUDIT_REPOSITORY_UNREACHABLE)])

    def report():
        for error in answers:
            raise error
        return real()

    monkeypatch.setattr(reports, "report", report)
    monkeypatch.setattr("plugin.atna.reporter._LONGEST_PAUSE_SECONDS", 0.3)
    registry.audit.add("kate", "thing.do", "thing")
    reports.start()
    try:
        wait_for(lambda: registry.audit_reports.state().failing_since is not None)
        assert registry.audit_reports.state().reason is Reason.AUDIT_REPOSITORY_UNREACHABLE
        wait_for(lambda: registry.audit_reports.state().n_waiting == 0)
        assert registry.audit_reports.state().failing_since is None
        monkeypatch.setattr("plugin.atna.reporter._LOOKS_EVERY_SECONDS", 60)
        registry.audit.add("kate", "thing.do", "another thing")
    finally:
        reports.stop(5)
    assert subjects(repository.messages) == ["thing", "another thing"]


def test_nothing_is_reported_where_no_repository_is_set(tmp_path, registry):
    reports = AuditReporter(Settings(spool={"folder": tmp_path}), registry)
    reports.start()
    reports.stop(1)
    assert registry.audit_reports.state() is None


def test_what_is_old_is_summed_up_and_nothing_is_sent_twice(tmp_path, config):
    from datetime import UTC, datetime, timedelta

    from plugin.registry import Registry

    now = [datetime.now(UTC)]
    with Registry(f"sqlite:///{tmp_path / 'r.sqlite'}", clock=lambda: now[0]) as registry:
        registry.migrate()
        registry.audit_reports.begin()
        for number in range(3):
            registry.audit.add("kate", "thing.do", f"thing {number}")
        first, *rest = (one.id for one in registry.audit_reports.waiting(10))
        registry.audit_reports.sent(rest)
        now[0] += timedelta(hours=2)
        registry.audit.add("kate", "thing.do", "thing 3")
        assert [one.subject for one in registry.audit_reports.waiting(10)] == ["thing 0", "thing 3"]
        registry.audit_reports.sent([first])
        assert [one.subject for one in registry.audit_reports.waiting(10)] == ["thing 3"]


@pytest.mark.parametrize("url", ["https://x", "tls://", "syslog", "udp://x/path"])
def test_an_address_that_cannot_be_one_stops_the_start(url):
    from plugin.domain.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"audit\.repository"):
        AuditSettings(repository=url)


def wait_for(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
