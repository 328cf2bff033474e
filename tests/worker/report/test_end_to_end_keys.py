"""What the comparison over Orthanc reads: every number of a report, none of them twice."""

from dataclasses import replace

import pytest
from pydicom import dcmread

from plugin.domain.findings import Assessment
from tests.benchmarks.end_to_end_orthanc import measurements
from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.test_structured_report import items, make


def with_end_systolic_walls(assessment: Assessment) -> Assessment:
    """Return the assessment with the wall at end-systole twice as thick as at end-diastole."""
    walls = [m for m in assessment.measurements if m.key == "wall_thickness_ed"]
    contracted = tuple(
        replace(m, key="wall_thickness_es", phase="ES", value=2 * m.value, interval=None)
        for m in walls
    )
    return replace(assessment, measurements=(*assessment.measurements, *contracted))


def test_every_number_of_a_report_has_its_own_key(reported: Reported) -> None:
    report = dcmread(reported.files["sr"].path)
    numbers = [i for i in items(report) if i.ValueType == "NUM"]
    assert len(measurements(report)) == len(numbers)


def test_both_phases_of_a_segment_are_compared() -> None:
    found = measurements(make(assessment=with_end_systolic_walls(samples.assessment())))
    segment = samples.SEGMENT_SITES[1][0]
    diastole = found[("122445", "mm", segment, "416190007")]
    systole = found[("122445", "mm", segment, "416430001")]
    assert systole == pytest.approx(2 * diastole, abs=0.11)


def test_two_numbers_with_one_key_are_an_error() -> None:
    twice = samples.assessment()
    twice = replace(twice, measurements=(*twice.measurements, twice.measurements[0]))
    with pytest.raises(ValueError, match="8811-2"):
        measurements(make(assessment=twice))
