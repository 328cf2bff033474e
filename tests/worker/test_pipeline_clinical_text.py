"""Clinical text as hospitals write it, from the header to the report and nowhere else."""

import json

import pydicom
import pytest

from tests.generated import TruthSegmenter
from tests.worker.gate.studies import cine, patient
from worker.analysis_result import RESULT_NAME
from worker.phantom.study import build_study, write_study
from worker.pipeline import analyse_paths

CHARACTER_SETS = [
    ("ISO_IR 100", "latin-1", "Verdacht auf Kardiomyopathie bei Größenzunahme, né à Genève"),
    ("ISO_IR 192", "utf-8", "Подозрение на кардиомиопатию; suspicion d'œdème; 心肌病待查"),
    (["", "ISO 2022 IR 87"], "iso2022_jp", "肥大型心筋症の疑い、労作時息切れ"),
]


def analyse(history, character_set, folder):
    """Analyse the small heart whose every image says ``history`` in its raw bytes."""
    instances = build_study(cine(), patient().study)
    for instance in instances:
        if character_set:
            instance.SpecificCharacterSet = character_set
        instance.AdditionalPatientHistory = history
    paths = write_study(instances, folder / "in")
    result = analyse_paths(paths, TruthSegmenter(cine()), folder / "out", software_version="0.0.1")
    report = pydicom.dcmread(next(item.path for item in result.objects if item.kind == "sr"))
    (section,) = [
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "55752-0"
    ]
    shown = [item.TextValue for item in section.ContentSequence if "TextValue" in item]
    return result, shown, (folder / "out" / RESULT_NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("character_set", "encoding", "text"), CHARACTER_SETS, ids=["Latin-1", "UTF-8", "Japanese"]
)
def test_text_of_any_character_set_reaches_the_report_as_it_was_written(
    character_set, encoding, text, tmp_path
):
    result, shown, written = analyse(text, character_set, tmp_path)
    assert text in shown
    assert result.assessment.value("lv_ejection_fraction") is not None
    assert text not in written
    assert text not in json.loads(written)["clinical"].__repr__()
