"""References from reports: texts and Structured Reports, alone and beside a table."""

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from plugin.domain.errors import ConfigurationError
from plugin.domain.feedback import Diagnosis
from tests.worker.clinical.headers import number, report
from worker.acceptance.compare import Compared
from worker.acceptance.reference import Reference, read_references
from worker.acceptance.reports import ToRead, merge, read_reports
from worker.acceptance.stated import finding_shares, statement_sections, to_read_sections

LVEF = "lv_ejection_fraction"


def report_of(study, **values):
    return Reference(study, "", "", None, values)


def test_texts_give_values_and_what_is_to_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("LVEF 35 %.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("LVEF 35-40 %, RVEF 50 %.", encoding="utf-8")
    (tmp_path / "c.txt").write_text("Normal.", encoding="utf-8")
    (tmp_path / "d.txt").write_bytes(b"LVEF \xff 35 %")
    (tmp_path / "e.dcm").write_bytes(b"no DICOM")
    (tmp_path / "notes.md").write_text("LVEF 99 %", encoding="utf-8")
    references, to_read = read_reports(tmp_path)
    assert [dict(one.values) for one in references] == [
        {LVEF: 35.0},
        {"rv_ejection_fraction": 50.0},
        {},
        {},
        {},
    ]
    assert [one.study for one in to_read] == ["b", "c", "d", "e"]


def test_a_structured_report_gives_its_coded_values(tmp_path):
    ef, volume = ("8811-2", "LN"), ("8821-1", "LN")
    items = [number(ef, "40", "%"), number(volume, "200", "ml"), number(volume, "210", "ml")]
    document = report(items)
    document.file_meta = FileMetaDataset()
    document.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    document.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    (reference,), (to_read,) = read_reports(tmp_path)
    assert reference.values == {LVEF: 40.0}
    assert to_read.doubts == ("lv_end_diastolic_volume: more than one value",)


def test_a_folder_without_reports_or_with_two_of_one_study_is_refused(tmp_path):
    with pytest.raises(ConfigurationError):
        read_reports(tmp_path)
    for name in ("a.txt", "a.dcm"):
        (tmp_path / name).write_text("LVEF 35 %")
    with pytest.raises(ConfigurationError):
        read_reports(tmp_path)


def test_a_table_is_completed_and_contradictions_are_read():
    table = [
        Reference("a", "north", "", None, {LVEF: 35.0}),
        Reference("b", "north", "", None, {LVEF: 60.0, "lv_mass": 100.0}),
        Reference("c", "south", "", None, {}),
    ]
    reports = [
        report_of("a", **{LVEF: 35.4}),
        report_of("b", **{LVEF: 40.0}),
        report_of("c", **{LVEF: 50.0}),
        report_of("d", **{LVEF: 20.0}),
    ]
    merged, to_read = merge(table, reports, [ToRead("c", ("x",))])
    by_study = {one.study: one for one in merged}
    assert by_study["a"].values == {LVEF: 35.0}
    assert by_study["b"].values == {"lv_mass": 100.0}
    assert (by_study["c"].site, by_study["c"].values) == ("south", {LVEF: 50.0})
    assert by_study["d"].values == {LVEF: 20.0}
    assert [one.study for one in to_read] == ["b", "c"]


def test_a_table_says_findings_and_diagnosis(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "study,finding.lv_dilation,diagnosis\na,yes,Dilated cardiomyopathy\nb,no,\nc,,other\n"
    )
    first, second, third = read_references(path)
    assert (first.findings, first.diagnosis) == ({"lv_dilation": True}, Diagnosis.DILATED)
    assert (second.findings, second.diagnosis) == ({"lv_dilation": False}, None)
    assert (third.findings, third.diagnosis) == ({}, Diagnosis.OTHER)


@pytest.mark.parametrize("cells", ["a,perhaps,", "a,yes,flu"])
def test_a_cell_that_is_no_answer_is_refused(tmp_path, cells):
    path = tmp_path / "t.csv"
    path.write_text(f"study,finding.lv_dilation,diagnosis\n{cells}\n")
    with pytest.raises(ConfigurationError):
        read_references(path)


def compared(study, said, ours, diagnosis=None, group=""):
    findings = {} if said is None else {"lv_dilation": said}
    reference = Reference(study, "", "", None, {}, findings, diagnosis)
    return Compared(reference, {}, None, None, None, frozenset(ours), group)


def test_findings_are_counted_as_the_hospital_says():
    studies = [
        compared("a", True, {"lv_dilation"}),
        compared("b", True, set()),
        compared("c", False, set()),
        compared("d", None, {"lv_dilation"}),
    ]
    sensitivity, specificity = finding_shares(studies, "lv_dilation")
    assert (sensitivity.n, sensitivity.of) == (1, 2)
    assert (specificity.n, specificity.of) == (1, 1)
    (page,) = statement_sections(studies)
    assert "dilated left ventricle" in page


def test_groups_are_the_same_another_or_open():
    dilated = Diagnosis.DILATED
    studies = [
        compared("a", None, (), dilated, "dilated_cardiomyopathy"),
        compared("b", None, (), dilated, "normal"),
        compared("c", None, (), dilated, ""),
    ]
    (page,) = statement_sections(studies)
    cells = "".join(f'<td class="number">{n}</td>' for n in (3, 1, 1, 1))
    assert f"<td>dilated cardiomyopathy</td>{cells}" in page


def test_reports_to_read_are_on_the_page_only_where_there_are_any():
    assert list(to_read_sections(())) == []
    (page,) = to_read_sections([ToRead("<a>", ("a range, not a value",))])
    assert "&lt;a&gt;" in page
