from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread

from plugin.domain.findings import Assessment, Code
from plugin.domain.objects import OBJECT_KINDS, SOP_CLASSES_OF_KIND, SYNTAXES_OF_KIND
from tests.worker.report import samples
from tests.worker.report.conftest import Reported, report_into
from worker.clinical import ClinicalContext, PriorReport, PriorValue
from worker.report import build_results
from worker.report.build import BUILDERS, PAGES
from worker.report.fhir import FILE_NAME as FHIR_NAME
from worker.report.identity import ResultFile


def build(folder: Path, loaded: samples.LoadedSample, assessment: Assessment) -> list[ResultFile]:
    folder.mkdir()
    segmentation = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[1]
    return build_results(loaded, segmentation, assessment, samples.identity(), folder)


def test_objects_have_the_identifiers_that_are_returned(reported: Reported) -> None:
    assert tuple(reported.files) == OBJECT_KINDS
    for file in reported.files.values():
        dataset = dcmread(file.path, stop_before_pixels=True)
        assert dataset.SOPInstanceUID == file.sop_instance_uid
        assert dataset.file_meta.MediaStorageSOPInstanceUID == file.sop_instance_uid
        assert dataset.SeriesInstanceUID == file.series_instance_uid
        assert dataset.SOPClassUID == file.sop_class_uid
        assert dataset.StudyInstanceUID == samples.STUDY_UID
        assert dataset.SOPClassUID == SOP_CLASSES_OF_KIND[file.kind]
        assert dataset.file_meta.TransferSyntaxUID == SYNTAXES_OF_KIND[file.kind]
    series = {file.series_instance_uid for file in reported.files.values()}
    assert len(series) == len(OBJECT_KINDS)
    objects = {f"{kind}.dcm" for kind in OBJECT_KINDS}
    pictures = {f"{kind}.png" for kind in (*PAGES, "saliency")}
    assert {path.name for path in reported.folder.iterdir()} == objects | pictures | {FHIR_NAME}


def test_every_kind_has_one_builder() -> None:
    assert tuple(BUILDERS) == OBJECT_KINDS


def test_same_inputs_give_the_same_bytes(reported: Reported, tmp_path: Path) -> None:
    again = report_into(tmp_path)
    for kind, file in reported.files.items():
        assert again.files[kind].path.read_bytes() == file.path.read_bytes()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[samples.LoadedSample, Path, set[str]]:
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    folder = tmp_path_factory.mktemp("first") / "out"
    files = build(folder, loaded, samples.assessment())
    return loaded, folder, {file.sop_instance_uid for file in files}


def test_other_values_give_other_identifiers(
    first: tuple[samples.LoadedSample, Path, set[str]], tmp_path: Path
) -> None:
    loaded, _, uids = first
    files = build(tmp_path / "out", loaded, samples.assessment(ef=41.0))
    assert not uids & {file.sop_instance_uid for file in files}


def test_an_earlier_report_gives_other_identifiers(
    first: tuple[samples.LoadedSample, Path, set[str]], tmp_path: Path
) -> None:
    """Ours are not among the clinical information, but values are compared with theirs."""
    loaded, _, uids = first
    code = Code("8811-2", "LN", "Left ventricular ejection fraction by MR")
    value = PriorValue("lv_ejection_fraction", 45.0, "%", code, date(2024, 3, 1))
    ours = PriorReport("Imaging Measurement Report", date(2024, 3, 1), (value,), True, False)
    loaded = replace(loaded, clinical=ClinicalContext(prior_reports=(ours,)))
    files = build(tmp_path / "out", loaded, samples.assessment())
    assert not uids & {file.sop_instance_uid for file in files}


def test_other_patient_data_gives_other_identifiers_but_the_same_pictures(
    first: tuple[samples.LoadedSample, Path, set[str]], tmp_path: Path
) -> None:
    _, folder, uids = first
    other = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    other.reference.PatientName = "Somebody^Else"
    other.reference.PatientID = "Q-1"
    files = build(tmp_path / "out", other, samples.assessment())
    assert not uids & {file.sop_instance_uid for file in files}
    for kind in PAGES:
        picture = (folder / f"{kind}.png").read_bytes()
        assert picture == (tmp_path / "out" / f"{kind}.png").read_bytes()


def test_no_half_written_object_stays_under_its_final_name(
    first: tuple[samples.LoadedSample, Path, set[str]], tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    segmentation = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[1]
    with pytest.raises(OSError, match="No such file"):
        build_results(first[0], segmentation, samples.assessment(), samples.identity(), missing)
    assert not missing.exists()
