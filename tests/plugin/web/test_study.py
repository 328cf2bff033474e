"""One study's page: reading, feedback, files, the link to the PACS."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from plugin.domain.findings import Code, Measurement, NormalRange, QualityNote
from plugin.domain.recognition import NOTICE, Recognition, Resemblance
from plugin.domain.wording import Author, Part, Passage, Statement, Wording
from plugin.settings import Settings
from plugin.web.result import _line
from plugin.web.server import make_site
from plugin.web.study_series import LEFT_OUT, ROLE_NAMES
from tests.plugin.web.conftest import PASSWORD, Person, receive, report
from tests.worker.report import samples
from worker.series import Role
from worker.volume.views import LeftOut


@pytest.fixture
def study(registry, spool):
    study = receive(registry)
    report(registry, spool, study)
    return study


@pytest.fixture
def job(registry, study):
    return registry.jobs.last_reported(study.id)


def test_page_tells_what_a_study_resembles_as_no_finding(reader, registry, study, job):
    path = Path(registry.jobs.result_objects(job.id)[0].path).with_name("result.json")
    found = (Resemblance("HCM", "thick <heart>", 0.62), Resemblance("NOR", "normal", -0.4))
    written = {
        "bundle": {"name": "truth", "version": "1"},
        "software_version": "1",
        "assessment": dataclasses.asdict(samples.assessment()),
        "recognition": dataclasses.asdict(Recognition("00", found)),
    }
    path.write_text(json.dumps(written))
    page = reader.get(f"/studies/{study.id}").text
    assert NOTICE in page
    part = page[page.index('id="recognition"') :]
    assert part.index("thick &lt;heart&gt;") < part.index("+0.62") < part.index("-0.40")
    path.write_text(json.dumps({**written, "recognition": None}))
    assert 'id="recognition"' not in reader.get(f"/studies/{study.id}").text


def test_page_tells_a_note_once_though_the_language_model_words_it_too(
    reader, registry, study, job
):
    path = Path(registry.jobs.result_objects(job.id)[0].path).with_name("result.json")
    note = QualityNote("sex_unknown", "Sex is not known to the scanner.")
    said = (
        Statement("LVEF 38 % <is> reduced.", ("lv_dilation", "lv_ejection_fraction")),
        Statement(f"Please keep in mind: {note.sentence}", (note.key,)),
    )
    passage = Passage(Part.IMPRESSION, Author.LANGUAGE_MODEL, said)
    assessment = dataclasses.replace(samples.assessment(), quality=(note,))
    written = {
        "bundle": {"name": "truth", "version": "1"},
        "software_version": "1",
        "assessment": dataclasses.asdict(assessment),
        "wording": dataclasses.asdict(Wording("en", (passage,))),
    }
    path.write_text(json.dumps(written))
    page = reader.get(f"/studies/{study.id}").text
    assert "LVEF 38 % &lt;is&gt; reduced." in page
    links = set(re.findall(r'class="evidence" href="#(m-[a-z_]+)"', page))
    assert links <= set(re.findall(r'id="(m-[a-z_]+)"', page))
    assert "m-lv_ejection_fraction" in links
    assert page.count("Sex is not known to the scanner.") == 1
    assert "keep in mind" not in page


def test_page_tells_which_series_a_study_had_and_which_were_read(reader, registry, study, job):
    path = Path(registry.jobs.result_objects(job.id)[0].path).with_name("result.json")
    roles = {"short_axis_cine": 250, "two_chamber_cine": 25, "lge": 12, "flow": 30}
    views = {"two_chamber_cine": (0, "beside_the_heart"), "lge": (9, None)}
    written = {
        "bundle": {"name": "truth", "version": "1"},
        "software_version": "1",
        "assessment": dataclasses.asdict(samples.assessment()),
        "stack": {"n_slices": 10, "n_phases": 25},
        "series": [{"role": role, "n_instances": n} for role, n in roles.items()],
        "views": [
            {"role": role, "n_images": n, "left_out": why} for role, (n, why) in views.items()
        ],
    }
    path.write_text(json.dumps(written))
    page = reader.get(f"/studies/{study.id}").text
    part = page[page.index('id="h-series"') : page.index('id="h-files"')]
    told = [
        "Short-axis cine",
        "measured: 10 slices, 25 phases",
        "250",
        "Two-chamber cine",
        "not read: no image meets the left ventricle",
        "Late enhancement",
        "9 images read by the language model, nothing measured",
        "Flow",
        "not looked at",
    ]
    places = [part.index(words) for words in told]
    assert places == sorted(places)
    del written["series"]
    path.write_text(json.dumps(written))
    page = reader.get(f"/studies/{study.id}").text
    assert 'id="h-series"' not in page
    assert 'id="h-files"' in page


def test_every_role_and_every_reason_of_the_worker_has_words_for_people():
    assert set(ROLE_NAMES) == {role.value for role in Role}
    assert set(LEFT_OUT) == {reason.value for reason in LeftOut}


def test_two_readers_cannot_have_one_study(app, reader, study, registry):
    admin = Person(app, "admin")
    assert reader.post(f"/studies/{study.id}/reading/claim").status_code == 303
    assert "with reader" in admin.rows()
    for action in ("claim", "read", "release"):
        answer = admin.post(f"/studies/{study.id}/reading/{action}")
        assert answer.status_code == 409
        assert "Somebody else has this study" in answer.text
    assert reader.post(f"/studies/{study.id}/reading/read").status_code == 303
    assert registry.readings.get(study.id).read_by == "reader"
    assert admin.post(f"/studies/{study.id}/reading/unread").status_code == 303


def test_unknown_studies_and_actions_are_not_found(reader, study):
    assert reader.get("/studies/999").status_code == 404
    assert reader.get("/studies/x").status_code == 422
    assert reader.post(f"/studies/{study.id}/reading/mark_read").status_code == 404
    assert reader.post("/studies/999/reading/claim").status_code in {404, 409}


def test_feedback_is_kept_with_what_the_result_said(reader, registry, study, job):
    form = {"job": job.id, "verdict": "correct", "lvef_percent": "41,5", "comment": "apex"}
    assert reader.post(f"/studies/{study.id}/feedback", form).status_code == 303
    (kept,) = registry.readings.feedback(study.id)
    assert (kept.by, kept.lvef_percent, kept.result["lvef_percent"]) == ("reader", 41.5, 31.4)
    text = reader.get(f"/studies/{study.id}").text
    assert "LVEF 42 % (AI 31 %)" in text or "LVEF 41 % (AI 31 %)" in text
    assert "apex" in text


def test_a_changed_mind_stays_beside_what_counts(reader, registry, study, job):
    where = f"/studies/{study.id}/feedback"
    reader.post(where, {"job": job.id, "verdict": "agree"})
    form = {"job": job.id, "verdict": "correct", "priority": "should have been promoted"}
    assert reader.post(where, form).status_code == 303
    text = reader.get(f"/studies/{study.id}").text
    assert text.count("said something else later") == 1
    assert text.index("corrects: priority should have been promoted") < text.index('"earlier"')
    assert len(registry.readings.feedback(study.id)) == 2


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"verdict": "maybe"},
        {"verdict": "correct"},
        {"verdict": "correct", "lvef_percent": "nan"},
        {"verdict": "correct", "lvef_percent": "140"},
        {"verdict": "agree", "diagnosis": "flu"},
        {"verdict": "agree", "priority": "higher"},
        {"verdict": "agree", "comment": "x" * 2001},
    ],
)
def test_feedback_that_says_nothing_usable_is_sent_back_with_a_sentence(
    reader, registry, study, job, form
):
    answer = reader.post(f"/studies/{study.id}/feedback", {"job": job.id, **form})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert registry.readings.feedback() == []


def test_feedback_about_a_job_of_another_study_is_refused(reader, registry, study, job):
    other = receive(registry, uid="1.2.840.2")
    form = {"job": job.id, "verdict": "agree"}
    assert reader.post(f"/studies/{other.id}/feedback", form).status_code == 404


def test_files_of_a_job_are_served_by_kind_and_nothing_else(reader, job):
    answer = reader.get(f"/jobs/{job.id}/summary.png")
    assert answer.content == b"\x89PNG picture"
    assert answer.headers["content-type"] == "image/png"
    answer = reader.get(f"/jobs/{job.id}/files/summary.dcm")
    assert answer.content == b"dicom"
    assert "attachment" in answer.headers["content-disposition"]
    assert reader.get(f"/jobs/{job.id}/viewer/viewer.json").json() == {}
    for wrong in (
        f"/jobs/{job.id}/sr.png",
        f"/jobs/{job.id}/files/summary.png",
        f"/jobs/{job.id}/files/secret.json",
        f"/jobs/{job.id}/viewer/..%2Fsecret.json",
        f"/jobs/{job.id}/viewer/secret.json",
        "/jobs/00000000-0000-0000-0000-000000000000/summary.png",
    ):
        assert reader.get(wrong).status_code == 404, wrong
    assert reader.get("/jobs/..%2F..%2Fetc/summary.png").status_code in {404, 422}


def test_page_and_its_pictures_are_one_look_and_each_address_has_its_own(app, registry, study, job):
    person = Person(app, "reader")
    picture = f"/jobs/{job.id}/summary.png"
    for path in (f"/studies/{study.id}", picture, f"/jobs/{job.id}/viewer/viewer.json"):
        assert person.get(path).status_code == 200
    assert Person(app, "reader", client=("10.1.2.3", 50000)).get(picture).status_code == 200
    looks = registry.audit.list(actions=["study.view"])
    assert [one.address for one in looks] == ["10.1.2.3", "127.0.0.1"]


def test_link_into_the_pacs_viewer_is_made_when_it_is_followed(settings, registry, spool, study):
    assert (
        Person(make_site(settings, registry, spool, lambda: None), "reader")
        .get(f"/studies/{study.id}/pacs")
        .status_code
        == 404
    )
    template = "https://pacs.example/view?study={study_instance_uid}"
    linked = Settings(spool={"folder": settings.spool.folder}, web={"viewer_url": template})
    person = Person(make_site(linked, registry, spool, lambda: None), "reader")
    assert study.study_instance_uid not in person.get(f"/studies/{study.id}").text
    (page,) = registry.audit.list(actions=["study.view"])
    other = Person(make_site(linked, registry, spool, lambda: None), "admin")
    for one in (person, other):
        answer = one.get(f"/studies/{study.id}/pacs")
        assert answer.headers["location"].endswith(study.study_instance_uid)
    looks = registry.audit.list(actions=["study.view"])
    assert [one.actor for one in looks] == ["admin", "reader"]
    assert looks[1] == page


def test_other_studies_of_the_patient_are_shown_with_their_numbers(reader, registry, spool, study):
    before = receive(registry, uid="1.2.840.7", study_date="20240102")
    report(registry, spool, before, {"lvef_percent": 55.0})
    text = reader.get(f"/studies/{study.id}").text
    assert f"/studies/{before.id}" in text
    assert "2024-01-02" in text


def test_page_tells_everything_that_happened(app, reader, registry, study):
    reader.post(f"/studies/{study.id}/reading/claim")
    text = reader.get(f"/studies/{study.id}/state").text
    for words in ("complete: 1 images", "analysis 1 reported", "reader: claimed"):
        assert words in text
    assert "<html" not in text
    assert PASSWORD not in text


def test_a_result_that_cannot_be_read_is_said_and_breaks_nothing(reader, study):
    assert "cannot be shown here" in reader.get(f"/studies/{study.id}").text


@pytest.mark.parametrize(("value", "written"), [(51.6, "51.6"), (52.4, "52.4"), (49.0, "49")])
def test_number_of_the_page_is_on_the_side_that_its_mark_says(value, written):
    normal = NormalRange(52.0, 73.0, "men", "a printed table")
    code = Code("1", "99X", "LV ejection fraction")
    one = Measurement("lv_ejection_fraction", "LV ejection fraction", value, "%", code, "")
    line = _line(dataclasses.replace(one, normal_ranges=(normal,)))
    assert (line.value, line.side == "below") == (written, value < 52)
