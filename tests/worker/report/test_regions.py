"""The contours in the report lie where the labels are, in the patient and on the images."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from skimage.draw import polygon2mask

from tests.worker.report import samples
from tests.worker.report.test_structured_report import items, make
from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY

_LABELS = {
    "LV endocardium": (LV_CAVITY,),
    "LV epicardium": (LV_CAVITY, LV_MYOCARDIUM),
    "RV endocardium": (RV_CAVITY,),
}


@pytest.fixture(scope="module")
def sample() -> tuple[samples.LoadedSample, np.ndarray]:
    loaded, segmentation = samples.loaded_sample(n_phases=3, n_slices=3, size=48)
    return loaded, segmentation.labels


def groups(report: Dataset) -> list[tuple[str, Dataset, Dataset]]:
    """Return subject, group and region of every group that has an image region."""
    found = []
    for group in items(report, "125007"):
        regions = items(group, "111030")
        if regions:
            (identifier,) = items(group, "112039")
            found.append((str(identifier.TextValue), group, regions[0]))
    return found


def masks(subject: str, labels: np.ndarray) -> np.ndarray:
    """Return the mask that a tracking identifier speaks of."""
    name, _, place = subject.removeprefix("cmr-triage: ").partition(" at ")
    phase, _, slice_name = place.partition(", slice ")
    assessment = samples.assessment()
    index = {"ED": assessment.ed_phase, "ES": assessment.es_phase}[phase]
    return np.isin(labels[index, int(slice_name) - 1], _LABELS[name])


def filled(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill an outline of (column, row) points, pixel centres whole."""
    return np.asarray(polygon2mask(shape, points[:, ::-1]))


def test_contours_in_the_patient_enclose_the_labels(
    sample: tuple[samples.LoadedSample, np.ndarray],
) -> None:
    loaded, labels = sample
    found = groups(make())
    assert len(found) == 18  # borders, slices, ends of the cycle
    for subject, group, region in found:
        assert (region.ValueType, region.GraphicType) == ("SCOORD3D", "POLYGON")
        assert region.ReferencedFrameOfReferenceUID == "2.25.77"
        points = np.reshape(region.GraphicData, (-1, 3))
        np.testing.assert_array_equal(points[0], points[-1])
        into = np.linalg.inv(loaded.stack.affine) @ np.c_[points, np.ones(len(points))].T
        mask = masks(subject, labels)
        (source,) = items(group, "121112")
        named = source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        phase, index = int(named[6:9]), int(named[9:])
        np.testing.assert_allclose(into[2], index, atol=1e-4)
        assert phase == (0 if " at ED" in subject else 1)
        assert f"slice {index + 1}" in subject
        inside = filled(into[:2].T, mask.shape)
        assert (inside & mask).sum() / mask.sum() > 0.93, subject
        assert (inside & ~mask).sum() / mask.sum() < 0.07, subject


def test_contours_on_the_images_enclose_the_labels_counted_from_the_corner(
    sample: tuple[samples.LoadedSample, np.ndarray],
) -> None:
    _, labels = sample
    found = groups(make(kind="sr_enhanced"))
    assert len(found) == 18
    for subject, _, region in found:
        assert (region.ValueType, region.GraphicType) == ("SCOORD", "POLYLINE")
        points = np.reshape(region.GraphicData, (-1, 2)) - 0.5
        mask = masks(subject, labels)
        inside = filled(points, mask.shape)
        assert (inside & mask).sum() / mask.sum() > 0.93, subject
        assert (inside & ~mask).sum() / mask.sum() < 0.07, subject


def test_each_contour_is_one_planar_group_with_its_own_tracking_uid() -> None:
    found = groups(make())
    uids = [items(group, "112040")[0].UID for _, group, _ in found]
    assert len(set(uids)) == len(found)
    again = groups(make(software_version="9.9", bundle_digest="ef" * 32))
    assert [items(group, "112040")[0].UID for _, group, _ in again] == uids
    for subject, group, _ in found:
        assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"
        (finding,) = items(group, "121071")
        epicardial = "epicardium" in subject
        expected = "261073003" if epicardial else "304059001"
        assert finding.ConceptCodeSequence[0].CodeValue == expected
        (site,) = items(group, "363698007")
        right = "RV" in subject
        assert site.ConceptCodeSequence[0].CodeValue == ("53085002" if right else "87878005")
        (point,) = items(group, "272518008")
        diastole = " at ED" in subject
        value = "416190007" if diastole else "416430001"
        assert point.ConceptCodeSequence[0].CodeValue == value


def test_without_a_frame_of_reference_the_contours_are_on_the_images(
    sample: tuple[samples.LoadedSample, np.ndarray],
) -> None:
    loaded, _ = sample
    loaded = replace(loaded, stack=replace(loaded.stack, frame_of_reference_uid=""))
    found = groups(make(loaded))
    assert {region.ValueType for _, _, region in found} == {"SCOORD"}


def test_contours_of_a_multi_frame_study_name_the_frame(
    sample: tuple[samples.LoadedSample, np.ndarray],
) -> None:
    loaded, _ = sample
    report = make(samples.as_multi_frame(loaded), kind="sr_enhanced")
    _, _, region = groups(report)[0]
    reference = region.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedFrameNumber == 1


def test_highdicom_finds_the_contours_in_the_patient() -> None:
    document = hd.sr.Comprehensive3DSR.from_dataset(make())
    found = document.content.get_planar_roi_measurement_groups(
        reference_type=hd.sr.CodedConcept("111030", "DCM", "Image Region"),
        graphic_type=hd.sr.GraphicTypeValues3D.POLYGON,
    )
    assert len(found) == 18
    assert all(group.finding_type is not None and group.finding_sites for group in found)
