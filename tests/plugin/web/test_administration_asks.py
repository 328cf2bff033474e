"""What the administration asks of other processes, and what it changes of policy and bundles."""

import asyncio
import contextlib
import re

import pytest

from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.request import RequestKind, RequestState
from plugin.domain.triage import default_policy_text
from tests.plugin.domain.triage.policies import rule
from tests.plugin.web.conftest import receive, report

HOME = "/administration"
POLICY = f"{HOME}/policy"
BUNDLES = f"{HOME}/bundles"
HTMX = {"HX-Request": "true"}
RULE = """
[[rule]]
name = "{name}"
level = "{level}"
source = "Our hospital"
when = [{{ measurement = "lv_ejection_fraction", at_or_below = {limit}, unit = "%" }}]
"""


def policy(*rules, version="2"):
    rules = rules or (RULE.format(name="low", level="URGENT", limit=40),)
    return f'format = 1\nname = "Ours"\nversion = "{version}"\n' + "".join(rules)


def test_echo_is_asked_for_and_its_answer_fetched(admin, registry):
    registry.peers.add("PACS", host="10.0.0.1", port=104)
    shown = admin.post(f"{HOME}/peers/echo", {"name": "PACS"}, headers=HTMX)
    address = re.search(
        r'hx-get="(/administration/requests/\d+)" hx-trigger="every 1s"', shown.text
    )
    assert "waiting for the process <code>cmr-triage deliver</code>" in shown.text
    request = registry.requests.take([RequestKind.ECHO_PEER], "deliver")
    assert (request.asked, request.asked_by) == ({"ae_title": "PACS"}, "admin")
    assert "Asking" in admin.get(address[1], headers=HTMX).text
    lines = ["No <b>answer</b>.", "Ask for firewalls."]
    registry.requests.answer(request.id, {"is_good": False, "lines": lines})
    answer = admin.get(address[1], headers=HTMX).text
    assert "No &lt;b&gt;answer&lt;/b&gt;." in answer
    assert "Ask for firewalls." in answer
    assert "hx-trigger" not in answer
    assert admin.post(f"{HOME}/peers/echo", {"name": "NOBODY"}).status_code == 422
    assert admin.get(f"{HOME}/requests/99").status_code == 404


def test_without_a_script_the_page_itself_shows_the_answer(admin, registry):
    registry.destinations.add("pacs", ae_title="PACS", host="10.0.0.1", port=104)
    led = admin.post(f"{HOME}/destinations/test", {"name": "pacs"})
    assert led.status_code == 303
    request = registry.requests.take([RequestKind.TEST_DESTINATION], "deliver")
    registry.requests.refuse(request.id, Reason.NOT_FOUND, SENTENCES[Reason.NOT_FOUND])
    assert SENTENCES[Reason.NOT_FOUND] in admin.get(led.headers["location"]).text


def test_looking_at_an_answer_keeps_no_session_alive(admin, registry, monkeypatch):
    registry.peers.add("PACS", host="10.0.0.1", port=104)
    admin.post(f"{HOME}/peers/echo", {"name": "PACS"})
    touched = []
    of_session = registry.users.of_session

    def watched(*args, **more):
        touched.append(more["touch"])
        return of_session(*args, **more)

    monkeypatch.setattr(registry.users, "of_session", watched)
    assert admin.get(f"{HOME}/requests/1").status_code == 200
    assert touched == [False]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (
            policy(RULE.format(name="low", level="URGENT", limit=40).replace("lv_ej", "lv_xj")),
            "lv_xjection_fraction",
            "9: when = ",
        ),
        (policy(RULE.format(name="low", level="LOW", limit=40)), "only promotes", "7: level = "),
        (
            policy(
                RULE.format(name="low", level="URGENT", limit=40),
                RULE.format(name="lower", level="URGENT", limit=30),
            ),
            "unreachable",
            "[[rule]]",
        ),
        (
            policy(
                '\n[[group]]\nname = "a"\nwhen = [{ group = "b" }]\n',
                '\n[[group]]\nname = "b"\nwhen = [{ group = "a" }]\n',
                '\n[[rule]]\nname = "r"\nlevel = "STAT"\nsource = "x"\nwhen = [{ group = "a" }]\n',
            ),
            "circle",
            "[[group]]",
        ),
        ("format = 1\nname = \n", "not TOML", "2: name ="),
    ],
)
def test_policy_that_cannot_be_used_is_shown_with_its_lines(admin, registry, text, words, line):
    for button in ("check", "simulate", "activate"):
        shown = admin.post(f"{POLICY}/{button}", {"text": text}).text
        assert "It cannot be used" in shown
        assert words in shown
        assert line in shown
        assert "Activate Ours" not in shown
    assert registry.policies.history() == []


def test_policy_is_checked_simulated_activated_and_rolled_back(admin, registry):
    text = policy().replace("\n", "\r\n")
    assert "It can be used" in admin.post(f"{POLICY}/check", {"text": text}).text
    shown = admin.post(f"{POLICY}/simulate", {"text": text}).text
    assert "There is no past result" in shown
    assert "Activate Ours 2" in shown
    form = {"text": text, "expected": "0"}
    assert admin.post(f"{POLICY}/activate", form).status_code == 303
    assert registry.policies.current().text == policy()
    late = admin.post(f"{POLICY}/activate", {**form, "text": policy(version="mine")})
    assert late.status_code == 409
    assert f"{SENTENCES[Reason.POLICY_CHANGED]} (Ours 2 by admin)" in late.text
    assert "version = &#34;mine&#34;" in late.text, "what somebody wrote is not lost"
    current = str(registry.policies.current().id)
    assert admin.post(f"{POLICY}/rollback", {"expected": "99"}).status_code == 409
    assert admin.post(f"{POLICY}/rollback", {"expected": current}).status_code == 303
    assert registry.policies.current().text == default_policy_text()


@pytest.fixture
def bundle(registry):
    facts = {"licence": "CC0-1.0", "intended_use": "tests", "training_data": "none"}
    facts["evaluation"] = {
        "n_patients": 3,
        "rows": [{"measure": "Dice", "value": 0.9, "low": None, "high": None, "unit": ""}],
    }
    return registry.bundles.verified("a" * 64, "unet", "1.0.0", "/b", facts, "worker")


def test_bundle_is_activated_rolled_back_and_verified(admin, registry, bundle):
    text = admin.get(BUNDLES).text
    assert "3 patients" in text
    assert "commercial use too" in text
    form = {"bundle": str(bundle.id), "expected": "0"}
    assert admin.post(f"{BUNDLES}/activate", form).status_code == 303
    assert registry.bundles.in_force().id == bundle.id
    assert admin.post(f"{BUNDLES}/activate", form).status_code == 409
    assert admin.post(f"{BUNDLES}/verify", form, headers=HTMX).status_code == 200
    request = registry.requests.take([RequestKind.VERIFY_BUNDLE], "worker")
    registry.requests.answer(request.id, {"name": "unet", "version": "1.0.0"})
    assert "unet 1.0.0 is intact" in admin.get(f"{HOME}/requests/{request.id}").text
    expected = re.search(r'name="expected" value="(\d+)"', admin.get(BUNDLES).text)[1]
    assert admin.post(f"{BUNDLES}/rollback", {"expected": expected}).status_code == 303
    assert registry.bundles.in_force() is None
    registry.bundles.broken(bundle.id, "graphs/a.onnx differs")
    assert "graphs/a.onnx differs" in admin.get(BUNDLES).text
    answer = admin.post(f"{BUNDLES}/activate", {"bundle": str(bundle.id)})
    assert answer.status_code == 422
    assert admin.post(f"{BUNDLES}/activate", {"bundle": "x"}).status_code == 422
    assert [one.action for one in registry.audit.list(2)] == [
        "bundle.activate",
        "bundle.verify.ask",
    ]


def test_bundle_is_removed_when_nobody_needs_it(admin, registry, bundle):
    other = registry.bundles.verified("b" * 64, "unet", "2.0.0", "/c", bundle.facts, "worker")
    registry.bundles.activate(other.id, "admin")
    shown = admin.get(BUNDLES).text
    assert "Remove: unet 1.0.0" in shown
    assert "Remove: unet 2.0.0" not in shown
    refused = admin.post(f"{BUNDLES}/remove", {"bundle": str(other.id)})
    assert refused.status_code == 422
    assert SENTENCES[Reason.BUNDLE_IN_USE].split(".")[0] in refused.text
    admin.post(f"{BUNDLES}/remove", {"bundle": str(bundle.id)}, headers=HTMX)
    request = registry.requests.take([RequestKind.REMOVE_BUNDLE], "worker")
    assert (request.asked, request.asked_by) == ({"bundle_id": bundle.id}, "admin")
    registry.requests.answer(request.id, {"name": "unet", "version": "1.0.0"})
    assert "unet 1.0.0 is removed" in admin.get(f"{HOME}/requests/{request.id}").text


def test_upload_is_kept_as_it_came_and_a_worker_asked(admin, registry, spool):
    headers = {"X-CSRF-Token": admin.csrf, **HTMX}
    shown = admin.http.post(f"{BUNDLES}/upload", content=b"PK-bytes", headers=headers)
    assert "cmr-triage worker" in shown.text
    request = registry.requests.take([RequestKind.INSTALL_BUNDLE], "worker")
    assert spool.upload(request.asked["upload"]).read_bytes() == b"PK-bytes"
    registry.requests.refuse(request.id, Reason.BUNDLE_TAMPERED, "a.onnx differs")
    assert "a.onnx differs" in admin.get(f"{HOME}/requests/{request.id}").text


def test_upload_holds_up_no_other_page_while_the_disk_works(admin, spool, monkeypatch):
    """What waits for the disk is not done in the loop that serves all pages."""
    new_upload, in_loop = spool.__class__.new_upload, []

    @contextlib.contextmanager
    def watched(own):
        with new_upload(own) as (name, file):
            yield name, _Watched(file, in_loop)

    monkeypatch.setattr(spool.__class__, "new_upload", watched)
    headers = {"X-CSRF-Token": admin.csrf}
    answer = admin.http.post(f"{BUNDLES}/upload", content=b"PK-bytes", headers=headers)
    assert answer.status_code == 200
    assert set(in_loop) == {("write", False), ("flush", False)}


class _Watched:
    """A file that notes whether it is used in the loop of the server."""

    def __init__(self, file, in_loop):
        self._file, self._in_loop = file, in_loop
        self.fileno = file.fileno

    def write(self, content):
        self._note("write")
        return self._file.write(content)

    def flush(self):
        self._note("flush")
        self._file.flush()

    def _note(self, what):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._in_loop.append((what, False))
        else:
            self._in_loop.append((what, True))


def test_upload_that_is_too_large_leaves_nothing(admin, registry, spool, monkeypatch):
    headers = {"X-CSRF-Token": admin.csrf}
    monkeypatch.setattr("plugin.web.administration.upload.MAXIMUM_UPLOAD_BYTES", 4)
    assert (
        admin.http.post(f"{BUNDLES}/upload", content=b"12345", headers=headers).status_code == 413
    )
    monkeypatch.setattr(spool.__class__, "free_bytes", lambda _spool: 6)
    assert admin.http.post(f"{BUNDLES}/upload", content=b"1234", headers=headers).status_code == 503
    assert list(spool.uploads.iterdir()) == []
    assert registry.requests.take(frozenset(RequestKind), "worker") is None


LOOK = {
    "series": [
        {
            "role": "short_axis_cine",
            "reason": "Many slices across the heart.",
            "n_instances": 200,
            "uid_end": "1.2.3",
        }
    ],
    "is_analysable": True,
    "reason": None,
    "sentence": "",
    "n_slices": 10,
    "n_phases": 20,
    "notes": [],
}


def look(admin, registry, answer, term="P-1"):
    led = admin.post(f"{HOME}/dry-run/ask", {"term": term})
    assert led.status_code == 303, led.text
    assert "P-1" not in led.headers["location"]
    request = registry.requests.take([RequestKind.LOOK_AT_STUDY], "worker")
    registry.requests.answer(request.id, answer)
    return admin.get(led.headers["location"]).text


def test_dry_run_says_roles_rules_and_who_would_get_what(admin, registry, spool):
    registry.destinations.add("archive", ae_title="P", host="h", port=104, objects=("sr",))
    registry.destinations.add("off", ae_title="P", host="h", port=104, enabled=False)
    report(registry, spool, receive(registry))
    registry.policies.activate(policy(), "admin")
    registry.switches.switch_off("admin", "archive")
    text = look(admin, registry, LOOK)
    for shown in ("10 slices and 20 phases", "short axis cine", "Many slices", "low", "disabled"):
        assert shown in text
    assert "later: it is held back" in text
    assert "LV ejection fraction at or below 40 %" in text


def test_dry_run_of_uploaded_images_knows_no_order(admin, registry, spool):
    registry.destinations.add("archive", ae_title="P", host="h", port=104, objects=("sr",))
    headers = {"X-CSRF-Token": admin.csrf, **HTMX}
    asking = admin.http.post(f"{HOME}/dry-run/upload", content=b"PK-bytes", headers=headers)
    assert "cmr-triage worker" in asking.text
    request = registry.requests.take([RequestKind.LOOK_AT_UPLOAD], "worker")
    assert spool.upload(request.asked["upload"]).read_bytes() == b"PK-bytes"
    registry.requests.answer(request.id, LOOK)
    text = admin.get(f"{HOME}/requests/{request.id}").text
    for shown in ("the uploaded images", "10 slices and 20 phases", "Without an order", "sr"):
        assert shown in text
    assert "/studies/" not in text


def test_dry_run_of_uploaded_images_may_think_of_an_order(admin, registry):
    when = '{ order_priority = "STAT" }, { patient_class = "emergency" }'
    registry.policies.activate(default_policy_text() + rule(level="STAT", when=when), "me")
    headers = {"X-CSRF-Token": admin.csrf, **HTMX}
    where = f"{HOME}/dry-run/upload?order_priority=STAT&patient_class=emergency"
    admin.http.post(where, content=b"PK-bytes", headers=headers)
    request = registry.requests.take([RequestKind.LOOK_AT_UPLOAD], "worker")
    registry.requests.answer(request.id, LOOK)
    shown = admin.get(f"{HOME}/requests/{request.id}").text
    assert "As if ordered STAT, emergency." in shown
    assert "before others in the queue" in shown
    assert '<b class="STAT">STAT</b>' in shown
    assert admin.http.post(f"{where}X", content=b"P", headers=headers).status_code == 422


def test_dry_run_says_why_a_study_would_not_be_analysed(admin, registry):
    receive(registry)
    registry.destinations.add("archive", ae_title="P", host="h", port=104)
    reason = Reason.NO_SHORT_AXIS_CINE
    refused = {"is_analysable": False, "reason": reason.value, "sentence": SENTENCES[reason]}
    text = look(admin, registry, {**LOOK, **refused})
    assert SENTENCES[reason] in text
    assert "nothing: the study gives no result" in text
    assert "There is no result yet" in text


def test_dry_run_asks_which_one_and_refuses_what_is_not_here(admin, registry):
    receive(registry)
    other = receive(registry, uid="1.2.840.2")
    assert admin.post(f"{HOME}/dry-run/ask", {"term": "nobody"}).status_code == 422
    assert "Several studies fit" in admin.post(f"{HOME}/dry-run/ask", {"term": "P-1"}).text
    led = admin.post(f"{HOME}/dry-run/choose", {"study": str(other.id)})
    assert led.status_code == 303
    request = registry.requests.take([RequestKind.LOOK_AT_STUDY], "worker")
    assert request.asked == {"study_id": other.id}
    assert registry.requests.get(request.id).state is RequestState.TAKEN
    assert admin.post(f"{HOME}/dry-run/choose", {"study": "x"}).status_code == 422
