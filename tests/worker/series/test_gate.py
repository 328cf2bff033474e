import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage

from plugin.domain.errors import Reason
from tests.worker.volume.studies import cine
from worker.series import classify, is_cardiac_mr, reason_not_analysable


def still_images(**attributes: object) -> list[FileDataset]:
    images = cine(n_phases=1, description="t1_se")
    for ds in images:
        del ds.TriggerTime, ds.NominalInterval, ds.CardiacNumberOfImages, ds.ScanOptions
        ds.BodyPartExamined = ""
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
    return images


def reason(images: list[FileDataset]) -> Reason | None:
    return reason_not_analysable(classify([(ds, None) for ds in images]))


@pytest.mark.parametrize("uid", [CTImageStorage, SecondaryCaptureImageStorage])
def test_study_without_mr_image_is_not_mr(uid: str) -> None:
    images = cine()
    for ds in images:
        ds.SOPClassUID = uid

    assert reason(images) is Reason.NOT_MR


@pytest.mark.parametrize("modality", ["CT", "PT", "US", "SR"])
def test_study_of_another_modality_is_not_mr_whatever_its_class_says(modality: str) -> None:
    images = cine()
    for ds in images:
        ds.Modality = modality

    assert reason(images) is Reason.NOT_MR


@pytest.mark.parametrize("part", ["BRAIN", "KNEE", "", "ABDOMEN", "PROSTATE"])
def test_ungated_images_of_other_parts_are_not_cardiac(part: str) -> None:
    assert reason(still_images(BodyPartExamined=part)) is Reason.NOT_CARDIAC


@pytest.mark.parametrize(
    "attributes",
    [
        {"BodyPartExamined": "HEART"},
        {"BodyPartExamined": "CARDIAC"},
        {"StudyDescription": "MR Cardiac with contrast"},
        {"BodyPartExamined": "CHEST", "ScanOptions": "CG"},
    ],
    ids=str,
)
def test_one_sign_of_the_heart_is_enough(attributes: dict[str, object]) -> None:
    assert reason(still_images(**attributes)) is None


@pytest.mark.parametrize("part", ["HEART", "CHEST", "", "ABDOMEN", "SPINE"])
def test_gated_short_axis_cine_is_cardiac_whatever_the_body_part(part: str) -> None:
    images = cine()
    for ds in images:
        ds.BodyPartExamined = part

    assert is_cardiac_mr(images)


def test_gated_cine_of_the_head_is_not_cardiac() -> None:
    images = cine()
    for ds in images:
        ds.BodyPartExamined = "BRAIN"

    assert not is_cardiac_mr(images)


def test_echo_planar_time_series_with_trigger_times_is_not_cardiac() -> None:
    images = cine()
    for ds in images:
        ds.ScanningSequence, ds.BodyPartExamined, ds.SequenceVariant = "EP", "", "SK"
        ds.SequenceName = "epi"

    assert not is_cardiac_mr(images)
