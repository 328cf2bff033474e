import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from tests.programs import find_program
from worker.phantom.cine import Protocol
from worker.phantom.study import (
    Layout,
    Vendor,
    build_study,
    demo_patients,
    generate,
    write_study,
)

SMALL = Protocol(
    n_slices=4, n_phases=3, n_rows=48, n_columns=40, pixel_mm=4.0, slice_distance_mm=20.0
)


@pytest.fixture(scope="module")
def patient():
    return generate("healthy", 1, protocol=SMALL)


@pytest.fixture(scope="module")
def cine(patient):
    return patient.cine()


@pytest.fixture(scope="module")
def whole(patient, cine):
    return build_study(cine, patient.study, with_companions=True)


def short_axis(instances, n=4 * 3):
    return [i for i in instances if i.Rows == 48][:n]


def test_one_series_holds_every_slice_and_phase(patient, cine):
    instances = build_study(cine, patient.study)
    assert len(instances) == 12
    assert len({i.SeriesInstanceUID for i in instances}) == 1
    assert len({i.SOPInstanceUID for i in instances}) == 12
    assert [i.InstanceNumber for i in instances] == list(range(1, 13))


def test_series_per_slice_has_as_many_series_as_slices(patient, cine):
    instances = build_study(cine, patient.study, Layout.SERIES_PER_SLICE)
    assert len({i.SeriesInstanceUID for i in instances}) == 4
    assert len({i.StudyInstanceUID for i in instances}) == 1


def test_geometry_and_pixels_come_back_from_the_file(tmp_path, patient, cine):
    paths = write_study(build_study(cine, patient.study), tmp_path)
    read = pydicom.dcmread(paths[4])  # slice 1, phase 1
    np.testing.assert_array_equal(read.pixel_array, cine.pixels[1, 1])
    np.testing.assert_allclose(read.ImagePositionPatient, cine.position_mm(1), atol=1e-3)
    np.testing.assert_allclose(read.ImageOrientationPatient[:3], cine.row_cosines, atol=1e-6)
    assert [float(v) for v in read.PixelSpacing] == [4.0, 4.0]
    assert float(read.TriggerTime) == pytest.approx(cine.trigger_times_ms[1], abs=0.01)
    assert read.PatientSex == patient.heart.person.sex
    assert float(read.PatientWeight) == patient.heart.person.weight_kg


@pytest.mark.parametrize("vendor", list(Vendor))
def test_vendors_write_their_own_timing_and_names(vendor):
    patient = generate("healthy", 1, vendor=vendor, protocol=SMALL)
    instance = patient.instances()[0]
    present = {
        "NominalInterval": {Vendor.SIEMENS, Vendor.GE},
        "HeartRate": {Vendor.GE, Vendor.PHILIPS},
        "TemporalPositionIdentifier": {Vendor.PHILIPS},
        "RescaleSlope": {Vendor.PHILIPS},
        "SequenceName": {Vendor.SIEMENS},
    }
    for keyword, vendors in present.items():
        assert (keyword in instance) == (vendor in vendors), keyword
    assert vendor.name in instance.Manufacturer.upper()


@pytest.mark.parametrize(("vendor", "n_instances"), [(Vendor.PHILIPS, 1), (Vendor.SIEMENS, 4)])
def test_enhanced_frames_carry_position_delay_and_dimensions(vendor, n_instances):
    patient = generate("healthy", 1, vendor=vendor, layout=Layout.ENHANCED, protocol=SMALL)
    cine, instances = patient.cine(), patient.instances()
    assert len(instances) == n_instances
    assert all(i.SOPClassUID == EnhancedMRImageStorage for i in instances)
    last = instances[-1]
    frame = last.PerFrameFunctionalGroupsSequence[-1]
    assert last.NumberOfFrames * n_instances == 12
    np.testing.assert_allclose(
        frame.PlanePositionSequence[0].ImagePositionPatient, cine.position_mm(3), atol=1e-3
    )
    delay = frame.CardiacSynchronizationSequence[0].NominalCardiacTriggerDelayTime
    assert delay == pytest.approx(cine.trigger_times_ms[2])
    assert len(frame.FrameContentSequence[0].DimensionIndexValues) == 3
    np.testing.assert_array_equal(last.pixel_array[-1], cine.pixels[2, 3])


def test_companions_have_their_own_series_in_the_same_study(whole):
    descriptions = {i.SeriesDescription for i in whole}
    assert len(descriptions) == 8
    assert len({i.SeriesInstanceUID for i in whole}) == 8
    assert len({i.StudyInstanceUID for i in whole}) == 1
    assert len({i.FrameOfReferenceUID for i in whole}) == 1
    assert all(i.SOPClassUID == MRImageStorage for i in whole)


def test_long_axis_planes_contain_the_long_axis(patient, whole):
    axis = patient.heart.placement.axes[2]
    for name in ("4ch", "2ch", "3ch"):
        cosines = next(i for i in whole if name in i.SeriesDescription).ImageOrientationPatient
        normal = np.cross(cosines[:3], cosines[3:])
        assert abs(normal @ axis) < 1e-6


def test_long_axis_shows_the_heart_beating(whole):
    cine = [i for i in whole if "4ch" in i.SeriesDescription]
    first, middle = (cine[k].pixel_array.astype(float) for k in (0, 1))
    assert np.abs(first - middle).max() > 200


def test_uids_depend_on_the_study_and_nothing_else(patient, cine):
    again = build_study(cine, patient.study)
    once = build_study(cine, patient.study)
    assert [i.SOPInstanceUID for i in again] == [i.SOPInstanceUID for i in once]
    other = generate("healthy", 2, protocol=SMALL).study
    assert other.study_instance_uid != patient.study.study_instance_uid


def test_demo_patients_say_that_they_are_generated_and_differ():
    patients = demo_patients()
    assert len(patients) == 4
    assert all(p.study.patient.name.startswith("GENERATED^") for p in patients)
    assert len({p.study.study_instance_uid for p in patients}) == 4
    assert len({p.study.vendor for p in patients}) == 3
    healthy, dilated, hypertrophic, right = (p.truth for p in patients)
    assert dilated.lv_ef_percent < 35 < healthy.lv_ef_percent
    assert hypertrophic.max_wall_thickness_ed_mm > 15
    assert right.rv_ef_percent < 40


@pytest.mark.system
def test_dciodvfy_finds_no_error(tmp_path, whole):
    program = find_program("dciodvfy")
    firsts = {i.SeriesInstanceUID: i for i in reversed(whole)}
    instances = list(firsts.values())
    for vendor in Vendor:
        for layout in Layout:
            instances += generate(
                "healthy", 1, vendor=vendor, layout=layout, protocol=SMALL
            ).instances()[:1]
    for path in write_study(instances, tmp_path):
        done = subprocess.run(
            [program, "-new", str(path)], capture_output=True, text=True, check=False
        )
        errors = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
        assert not errors
