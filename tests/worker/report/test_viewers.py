"""What the source of OHIF and of 3D Slicer takes for granted of our objects.

Neither program runs here; ``docs/objects/viewers.md`` tells which code was read, and which of their
libraries were run. Each test is one assumption whose breach would lose contours, labels or the
whole report in that program.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from tests.worker.report.conftest import Reported
from tests.worker.report.test_structured_report import items, make
from worker.report.structures import STRUCTURES, ends_of_cycle

_TRACKING_UID = "112040"


@pytest.fixture(scope="module", params=["sr", "sr_enhanced"])
def report(request: pytest.FixtureRequest) -> Dataset:
    return make(kind=request.param)


def groups(report: Dataset) -> list[Dataset]:
    (container,) = [i for i in report.ContentSequence if name(i) == "126010"]
    return [item for item in container.ContentSequence if name(item) == "125007"]


def name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def test_ohif_shows_only_imaging_measurement_reports(report: Dataset) -> None:
    assert name(report) == "126000"


def test_ohif_asks_every_content_item_for_its_name(report: Dataset) -> None:
    assert all(item.get("ConceptNameCodeSequence") for item in items(report))


def test_ohif_lists_the_images_of_one_image_library_group(report: Dataset) -> None:
    (library,) = [item for item in report.ContentSequence if name(item) == "111028"]
    assert [name(item) for item in library.ContentSequence] == ["126200"]
    assert any("ReferencedSOPSequence" in item for item in items(library))


def test_ohif_takes_the_first_uid_of_a_group_for_its_tracking_uid(report: Dataset) -> None:
    firsts = [next(i for i in group.ContentSequence if "UID" in i) for group in groups(report)]
    assert {name(item) for item in firsts} == {_TRACKING_UID}
    assert len({item.UID for item in firsts}) == len(firsts), "it would merge such groups"


def test_ohif_looks_below_every_number_of_a_group(report: Dataset) -> None:
    numbers = [i for group in groups(report) for i in group.ContentSequence if i.ValueType == "NUM"]
    assert numbers
    assert all(item.get("ContentSequence") for item in numbers)


def test_ohif_draws_the_first_region_of_a_group(report: Dataset) -> None:
    n_regions = 0
    for group in groups(report):
        regions = [i for i in items(group) if i.ValueType in ("SCOORD", "SCOORD3D")]
        assert len(regions) <= 1
        for region in regions:
            n_regions += 1
            if region.ValueType == "SCOORD3D":
                assert region.ReferencedFrameOfReferenceUID
            else:
                (image,) = region.ContentSequence
                assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert n_regions == 18


def test_slicer_recognises_the_document(report: Dataset) -> None:
    assert report.Modality == "SR"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.ReferencedSeriesSequence[0].SeriesInstanceUID


def test_slicer_lists_the_contours_on_images_and_takes_none_for_a_box() -> None:
    document = hd.sr.EnhancedSR.from_dataset(make(kind="sr_enhanced"))
    found = document.content.get_planar_roi_measurement_groups(
        reference_type=codes.DCM.ImageRegion, graphic_type=hd.sr.GraphicTypeValues.POLYLINE
    )
    assert len(found) == 18
    purpose = hd.sr.CodedConcept("130400", "DCM", "Geometric purpose of region")
    for group in found:
        assert group.tracking_identifier
        assert group.finding_type.CodeValue
        assert group.finding_sites[0].value.CodeValue
        assert group.roi.ContentSequence[0].referenced_sop_instance_uid
        (value,) = group.get_qualitative_evaluations(name=purpose)
        assert value.value.value != "75958009"  # bounded by


def test_highdicom_finds_the_labels_by_the_image_that_they_were_drawn_on(
    reported: Reported,
) -> None:
    seg = hd.seg.segread(reported.files["seg"].path)
    stack, labels = reported.loaded.stack, reported.segmentation.labels
    for number, (_, phase) in enumerate(ends_of_cycle(reported.assessment)):
        found = seg.get_pixels_by_source_instance(
            [frame.sop_instance_uid for frame in stack.frames[phase]],
            segment_numbers=[number * len(STRUCTURES) + n for n in range(1, len(STRUCTURES) + 1)],
            assert_missing_frames_are_empty=True,
        )
        expected = [labels[phase] == structure.label for structure in STRUCTURES]
        assert np.array_equal(found, np.stack(expected, axis=-1))
