"""Whose a study is, and that no patient lies on both sides of what is kept apart."""

from dataclasses import dataclass

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.site.studies import find_studies, keep_apart

pytestmark = pytest.mark.train


@dataclass(frozen=True)
class Study:
    patient: str
    number: int


def write_header(folder, patient_id):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    if patient_id is not None:
        dataset.PatientID = patient_id
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(folder / f"{dataset.SOPInstanceUID}.dcm", enforce_file_format=True)


def patients_of(folder, ids):
    for one in ids:
        write_header(folder, one)
    found = find_studies(folder)
    assert len({one.name for one in found}) == len(ids)
    return [one.patient for one in found]


def test_studies_are_of_one_patient_by_their_patient_id(tmp_path):
    patients = patients_of(tmp_path, ["4711", "4711 ", "4712"])
    assert sorted(patients.count(one) for one in set(patients)) == [1, 2]


@pytest.mark.parametrize("ids", [["ANON"] * 3, [None, "", "4711"], ["ANON", "ANON", None]])
def test_without_identifiers_each_study_is_a_patient(tmp_path, ids):
    assert len(set(patients_of(tmp_path, ids))) == 3


def test_whole_patients_are_kept_apart():
    found = [Study(patient, k) for k, patient in enumerate("aabbccddee")]
    apart, learnt = keep_apart(found, 0.2)
    assert {one.patient for one in apart} == {"e"}
    assert [one.patient for one in learnt] == list("aabbccdd")


@pytest.mark.parametrize(("patients", "apart"), [("a" * 19 + "b", "b"), ("a" * 10 + "bc", "bc")])
def test_a_patient_with_most_of_the_studies_is_learnt_from(patients, apart):
    found = [Study(patient, k) for k, patient in enumerate(patients)]
    kept, learnt = keep_apart(found, 0.2)
    assert {one.patient for one in kept} == set(apart)
    assert {one.patient for one in learnt} == {"a"}


def test_one_study_is_kept_apart_at_least():
    apart, learnt = keep_apart([Study("a", 0), Study("b", 1), Study("c", 2)], 0.01)
    assert [len(apart), len(learnt)] == [1, 2]


def test_studies_of_one_patient_only_are_refused():
    with pytest.raises(ConfigurationError, match="3 studies of one patient") as refused:
        keep_apart([Study("a", k) for k in range(3)], 0.2)
    assert refused.value.reason is Reason.TOO_FEW_STUDIES
