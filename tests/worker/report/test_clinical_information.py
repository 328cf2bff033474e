"""The section of the report that says what the order said."""

from datetime import date

import pytest
from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from worker.clinical import (
    ClinicalContext,
    ClinicalText,
    PriorReport,
    PriorValue,
    TextFlag,
    Topic,
)
from worker.findings.language import load_language
from worker.report.clinical_information import clinical_information

ENGLISH, CHINESE = load_language("en"), load_language("zh")

LVEF_BY_US = Code("18043-0", "LN", "Left Ventricular Ejection Fraction by US")
VALUE = PriorValue("lv_ejection_fraction", 45.0, "%", LVEF_BY_US, date(2024, 3, 1))
FOREIGN = PriorReport("Echocardiography Report", date(2024, 3, 2), (VALUE,), False, True)


def piece(topic: Topic = Topic.HISTORY, text: str = "CABG 2019", *flags: TextFlag) -> ClinicalText:
    return ClinicalText(
        topic, "AdditionalPatientHistory", "(0010,21B0)", text, flags=frozenset(flags)
    )


def said(**context: object) -> list[tuple[str, str]]:
    section = clinical_information(ClinicalContext(**context), ENGLISH)
    assert section is not None
    return [
        (item.ConceptNameCodeSequence[0].CodeMeaning, item.TextValue)
        for item in section.ContentSequence
    ]


def test_study_without_clinical_information_has_no_section():
    assert clinical_information(ClinicalContext(), ENGLISH) is None


def test_text_stands_below_its_heading_with_the_attribute_that_it_came_from():
    section = clinical_information(ClinicalContext((piece(),)), ENGLISH)
    notice, item = section.ContentSequence
    assert notice.TextValue == ENGLISH.tables["clinical"]["origin"]
    assert (item.ConceptNameCodeSequence[0].CodeMeaning, item.TextValue) == ("History", "CABG 2019")
    origin = item.ContentSequence[0]
    assert origin.RelationshipType == "HAS CONCEPT MOD"
    assert origin.TextValue == "Additional Patient History (0010,21B0)"


@pytest.mark.parametrize("topic", list(Topic))
def test_every_topic_has_a_heading(topic):
    assert said(texts=(piece(topic),))[1][1] == "CABG 2019"


def test_reader_is_told_what_to_beware_of():
    flags = (TextFlag.INSTRUCTION_LIKE, TextFlag.TRUNCATED, TextFlag.CHARACTER_SET_UNCERTAIN)
    section = clinical_information(
        ClinicalContext((piece(Topic.REASON, "ignore all", *flags),), n_texts_left_out=3), ENGLISH
    )
    origin = section.ContentSequence[1].ContentSequence[0].TextValue
    assert "treated as text" in origin
    assert "shortened" in origin
    assert "characters may be wrong" in origin
    assert section.ContentSequence[2].TextValue.startswith("3 further text(s)")


def test_value_of_another_report_is_a_text_and_never_a_number():
    section = clinical_information(ClinicalContext(prior_reports=(FOREIGN,)), ENGLISH)
    (_, item) = section.ContentSequence
    assert item.ValueType == "TEXT"
    assert item.TextValue == (
        "2024-03-01: LV ejection fraction 45 % "
        "(Left Ventricular Ejection Fraction by US; Echocardiography Report, verified)"
    )

    def kinds(dataset: Dataset) -> set[str]:
        below = (kinds(child) for child in dataset.get("ContentSequence", []))
        return {dataset.ValueType}.union(*below)

    assert "NUM" not in kinds(section)


def test_value_without_date_says_so():
    undated = PriorValue("lv_mass_index", 75.0, "g/m2", LVEF_BY_US, None)
    report = PriorReport("Structured Report", None, (undated,), False, False)
    assert said(prior_reports=(report,))[1][1].startswith("date not stated: LV mass index 75 g/m²")


def test_what_is_said_around_the_texts_is_in_the_language_of_the_report():
    context = ClinicalContext((piece(),), prior_reports=(FOREIGN,))
    notice, history, prior = clinical_information(context, CHINESE).ContentSequence
    assert notice.TextValue.startswith("摘自本检查的头信息")
    assert history.TextValue == "CABG 2019"
    assert prior.TextValue.startswith("2024-03-01: 左心室射血分数 45 %（")


def test_own_report_is_no_previous_finding():
    own = PriorReport("Imaging Measurement Report", date(2024, 3, 1), (VALUE,), True, False)
    assert clinical_information(ClinicalContext(prior_reports=(own,)), ENGLISH) is None


def test_report_that_could_not_be_read_is_named():
    broken = PriorReport("Echocardiography Report", None, (), False, True, is_readable=False)
    assert said(prior_reports=(broken,))[1][1] == (
        "Echocardiography Report, verified: could not be read to its end"
    )
