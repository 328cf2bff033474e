"""What of the audit trail waits to be reported, and people of a provider, on every database."""

from datetime import timedelta

from plugin.domain.access import Role
from plugin.domain.errors import Reason
from plugin.registry.users import KEYS_REST_AFTER
from tests.plugin.registry.samples import make_instance, receive


def waiting(registry):
    return [one.subject for one in registry.audit_reports.waiting(10)]


def test_each_entry_waits_until_it_is_reported(registry, clock):
    registry.audit.add("kate", "thing.do", "before")
    registry.audit_reports.begin()
    registry.audit_reports.begin()
    for number in range(3):
        registry.audit.add("kate", "thing.do", f"thing {number}")
    first, second, third = (one.id for one in registry.audit_reports.waiting(10))
    registry.audit_reports.failed(Reason.AUDIT_REPOSITORY_UNREACHABLE)
    since = clock.now
    clock.now += timedelta(hours=2)
    registry.audit_reports.failed(Reason.AUDIT_REPOSITORY_CERTIFICATE)
    state = registry.audit_reports.state()
    assert (state.n_waiting, state.failing_since) == (3, since)
    assert state.reason is Reason.AUDIT_REPOSITORY_CERTIFICATE
    registry.audit_reports.sent([second, third])
    assert waiting(registry) == ["thing 0"]
    registry.audit_reports.sent([first])
    assert waiting(registry) == []
    assert registry.audit_reports.state().failing_since is None
    registry.audit.add("kate", "thing.do", "thing 3")
    assert waiting(registry) == ["thing 3"]


def test_studies_are_found_by_the_name_that_the_trail_has(registry):
    studies = [
        receive(registry, make_instance(study_instance_uid=f"1.2.840.{number}"))
        for number in range(3)
    ]
    wanted = {studies[0].study_key, studies[2].study_key, "unknown"}
    found = registry.studies.by_keys(wanted)
    assert {key: one.id for key, one in found.items()} == {
        one.study_key: one.id for one in (studies[0], studies[2])
    }


def test_somebody_of_a_provider_is_one_account_however_they_are_called(registry, clock):
    registry.users.add("kate", Role.ADMIN, "hash", one_time=False, actor="test")
    issuer = "https://idp.example"
    first = registry.users.of_provider(issuer, "4711", ["kate", "kate@1"], Role.READER)
    again = registry.users.of_provider(issuer, "4711", ["other", "other@1"], Role.AUDITOR)
    assert (first.name, again.name, again.role) == ("kate@1", "kate@1", Role.AUDITOR)
    assert registry.users.get("kate").role is Role.ADMIN
    registry.users.open_session(again, "digest", clock.now, "token")
    assert registry.users.close_session("digest", again.name) == "token"
    end = clock.now + timedelta(days=90)
    registry.users.add_token(again, "key", "script", end, actor="kate")
    assert registry.users.of_token("key").name == "kate@1"
    clock.now += KEYS_REST_AFTER
    assert registry.users.of_token("key") is None
