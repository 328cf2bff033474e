"""Earlier results from their folders: compared when of this person and before, else said."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from plugin.domain.comparison import Obstacle, Verdict
from tests.worker.earlier_results import VERSION, header, write_result
from tests.worker.findings.studies import KNOWN
from worker.earlier import EarlierFolder, Past, folder_of, past_of, recall

NOW = KNOWN["weak dilated left ventricle"]
TODAY = header()
BEFORE = {"StudyDate": "20240102", "StudyTime": "080000"}


def look_back(*folders, reference=TODAY, obstacles=(), vouched=False, version=VERSION):
    given = tuple(EarlierFolder(one, is_vouched=vouched) for one in folders)
    return recall(version, Past(given, obstacles), reference, NOW)


def test_without_earlier_results_nothing_is_said():
    assert look_back().comparison is None


def test_latest_earlier_result_is_compared_with_and_all_are_kept_oldest_first(tmp_path):
    old = write_result(tmp_path / "old", NOW, StudyDate="20200110")
    new = write_result(tmp_path / "new", NOW, **BEFORE)
    found = look_back(new, old)
    assert [one.day for one in found.comparison.results] == ["2020-01-10", "2024-01-02"]
    assert found.comparison.latest.days == 366
    assert found.comparison.obstacles == ()
    assert found.comparison.latest.same_version
    assert found.comparison.changes
    assert {one.verdict for one in found.comparison.changes} <= {Verdict.WITHIN, Verdict.UNKNOWN}
    assert found.report.report.sop_instance_uid == f"{found.report.study_instance_uid}.0"


def test_another_version_is_compared_and_that_is_said(tmp_path):
    folder = write_result(tmp_path / "a", NOW, replace(VERSION, software_version="0.0.9"), **BEFORE)
    assert not look_back(folder).comparison.latest.same_version


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"PatientBirthDate": "19700102"}, Obstacle.OTHER_PERSON),
        ({"PatientSex": "F"}, Obstacle.OTHER_PERSON),
        ({"PatientBirthDate": ""}, Obstacle.IDENTITY_UNCONFIRMED),
        ({"PatientID": "P-1"}, Obstacle.UNRELATED),
        ({"StudyDate": "20260101"}, Obstacle.NOT_EARLIER),
        ({"StudyDate": ""}, Obstacle.ORDER_UNKNOWN),
        ({"StudyDate": "20250102", "StudyTime": ""}, Obstacle.ORDER_UNKNOWN),
        ({"StudyInstanceUID": TODAY.StudyInstanceUID}, Obstacle.SAME_STUDY),
    ],
)
def test_what_must_not_be_compared_is_not_and_the_reason_is_given(tmp_path, changes, obstacle):
    found = look_back(write_result(tmp_path / "a", NOW, **{**BEFORE, **changes}))
    assert found.comparison.obstacles == (obstacle,)
    assert found.comparison.latest is None
    assert found.comparison.changes == ()
    assert found.report is None


def test_a_person_who_names_the_result_vouches_for_a_missing_birth_date_only(tmp_path):
    nameless = write_result(tmp_path / "a", NOW, **{**BEFORE, "PatientBirthDate": ""})
    assert look_back(nameless, vouched=True).comparison.latest is not None
    other = write_result(tmp_path / "b", NOW, **{**BEFORE, "PatientSex": "F"})
    assert look_back(other, vouched=True).comparison.latest is None


def test_earlier_study_of_the_same_day_is_compared(tmp_path):
    folder = write_result(tmp_path / "a", NOW, StudyDate="20250102", StudyTime="080000")
    assert look_back(folder).comparison.latest.days == 0


def broken_json(folder):
    (folder / "result.json").write_text("{")


def other_version(folder):
    (folder / "result.json").write_text('{"assessment": {"measurements": 3}}')


def no_report(folder):
    (folder / "sr.dcm").unlink()


def broken_report(folder):
    (folder / "sr.dcm").write_bytes(b"DICM" * 50)


def report_of_another(folder):
    (folder / "sr.dcm").write_bytes((folder / "sr_enhanced.dcm").read_bytes())


def impossible_value(folder):
    text = (folder / "result.json").read_text()
    value = f'"value": {NOW.value("lv_ejection_fraction")!r}'
    assert value in text
    (folder / "result.json").write_text(text.replace(value, '"value": NaN'))


@pytest.mark.parametrize(
    "damage",
    [broken_json, other_version, no_report, broken_report, report_of_another, impossible_value],
)
def test_damaged_result_is_said_and_the_one_before_it_is_taken(tmp_path, damage):
    old = write_result(tmp_path / "old", NOW, StudyDate="20200110")
    new = write_result(tmp_path / "new", NOW, **BEFORE)
    damage(new)
    comparison = look_back(new, old).comparison
    assert comparison.latest.day == "2020-01-10"
    assert comparison.obstacles == (Obstacle.UNREADABLE,)


def test_only_a_report_that_an_archive_may_have_is_referred_to(tmp_path):
    folder = write_result(tmp_path / "a", NOW, **BEFORE)
    for kinds, number in ((frozenset({"sr_enhanced", "pdf"}), "1"), (frozenset(), None)):
        given = Past((EarlierFolder(folder, "job", kinds),))
        found = recall(VERSION, given, TODAY, NOW)
        assert found.comparison.latest.job_id == "job"
        held = found.report and found.report.report.sop_instance_uid.rpartition(".")[2]
        assert held == number


def test_what_the_registry_knows_is_looked_at(tmp_path):
    one = SimpleNamespace(job_id="j", folder=tmp_path, held_kinds=frozenset({"sr"}))
    known = SimpleNamespace(results=(one,), obstacles=(Obstacle.OTHER_PERSON,))
    past = past_of(known)
    assert past.folders == (EarlierFolder(tmp_path, "j", frozenset({"sr"})),)
    found = recall(VERSION, past, TODAY, NOW).comparison
    assert found.obstacles == (Obstacle.OTHER_PERSON, Obstacle.UNREADABLE)


def test_a_result_is_named_by_its_file_or_its_folder(tmp_path):
    assert folder_of(tmp_path / "result.json") == folder_of(tmp_path) == tmp_path
