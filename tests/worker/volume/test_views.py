"""Which images beside the short axis are read, and that nothing of them fails a study."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom.uid import generate_uid

from tests.worker.volume.studies import write
from worker.phantom import study as phantom_study
from worker.phantom.cine import Protocol
from worker.phantom.companions import (
    LONG_AXIS_DEG,
    late_enhancement_picture,
    long_axis_picture,
)
from worker.phantom.study import generate
from worker.series import Role
from worker.volume import load_study
from worker.volume.views import (
    FURTHER_ROLES,
    LATE_SHARE,
    MAXIMUM_LATE_IMAGES,
    HeartPlace,
    LeftOut,
    read_views,
)

SMALL = Protocol(
    n_phases=6, n_slices=6, slice_distance_mm=11.0, pixel_mm=4.0, n_rows=48, n_columns=48
)
LONG_AXES = FURTHER_ROLES[:3]


@pytest.fixture(scope="module")
def patient():
    return generate("infarct", 3, protocol=SMALL)


@pytest.fixture(scope="module")
def study(patient, tmp_path_factory):
    """Load the cine with its long axes and late enhancement; the other companions take time."""

    def drawn(cine, rng):
        long_axes = [long_axis_picture(cine, kind, rng) for kind in LONG_AXIS_DEG]
        return [*long_axes, late_enhancement_picture(cine, rng, None)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phantom_study, "companion_pictures", drawn)
        made = phantom_study.build_study(patient.cine(), patient.study, with_companions=True)
    return load_study(write(made, tmp_path_factory.mktemp("study")))


@pytest.fixture(scope="module")
def place(patient, study):
    centre_mm = patient.heart.to_patient(np.array([0.0, 0.0, 40.0]))
    uid = study.stack.frame_of_reference_uid
    return HeartPlace(centre_mm, 60.0, (0.0, 0.33, 0.67), uid)


def of(study, role):
    return [one for one in study.further if one.role is role]


def changed(series, change):
    return replace(series, frames=tuple(change(frame) for frame in series.frames))


def test_long_axes_are_read_at_the_moments_of_the_stack_and_late_enhancement_whole(
    study, place, patient
):
    images, readings = read_views(study.further, place, FURTHER_ROLES)
    assert {one.role: one.n_images for one in readings} == {
        **dict.fromkeys(LONG_AXES, 3),
        Role.LGE: 9,
    }
    assert not any(one.left_out for one in readings)
    for image in images:
        to_heart = patient.heart.to_heart(image.affine[:3, 3])
        normal = np.cross(image.affine[:3, 0], image.affine[:3, 1])
        away_mm = normal @ (place.centre_mm - image.affine[:3, 3]) / np.linalg.norm(normal)
        assert np.isfinite(to_heart).all()
        assert abs(away_mm) < (1.0 if image.role is not Role.LGE else 40.0)
        assert image.pixels.max() > 100
    shares = [one.phase_share for one in images if one.role is LONG_AXES[0]]
    assert shares == pytest.approx([0.0, 2 / 6, 4 / 6], abs=0.02)
    (late,) = {round(one.phase_share, 3) for one in images if one.role is Role.LGE}
    assert late == pytest.approx(0.75, abs=0.05)


def test_only_views_that_are_asked_for_are_read(study, place):
    images, readings = read_views(study.further, place, (Role.LGE,))
    assert {one.role for one in (*images, *readings)} == {Role.LGE}
    assert read_views(study.further, place, ()) == ((), ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: replace(frame, orientation=None), LeftOut.NO_GEOMETRY),
        (lambda frame: replace(frame, spacing_mm=None), LeftOut.NO_GEOMETRY),
        (lambda frame: replace(frame, position_mm=(900.0, 900.0, 900.0)), LeftOut.BESIDE_THE_HEART),
        (lambda frame: replace(frame, rows=frame.rows + 1), LeftOut.UNREADABLE),
        (
            lambda frame: replace(
                frame, instance=replace(frame.instance, frame_of_reference_uid=generate_uid())
            ),
            LeftOut.OTHER_FRAME_OF_REFERENCE,
        ),
        (
            lambda frame: replace(frame, instance=replace(frame.instance, path=None)),
            LeftOut.UNREADABLE,
        ),
    ],
)
@pytest.mark.parametrize("role", [Role.FOUR_CHAMBER_CINE, Role.LGE])
def test_broken_or_foreign_series_is_left_out_with_its_reason(study, place, role, change, reason):
    (series,) = of(study, role)
    images, (reading,) = read_views([changed(series, change)], place, (role,))
    assert not images
    assert (reading.n_images, reading.left_out) == (0, reason)


def test_second_series_of_a_long_axis_stands_in_where_the_nearest_is_broken(study, place):
    (series,) = of(study, Role.TWO_CHAMBER_CINE)
    beside = changed(
        replace(series, series_instance_uid="1.2.3"),
        lambda frame: replace(
            frame, position_mm=tuple(np.asarray(frame.position_mm) + np.array([3.0, 3.0, 3.0]))
        ),
    )
    role = (Role.TWO_CHAMBER_CINE,)
    _, readings = read_views([beside, series], place, role)
    assert {one.series_instance_uid: one.left_out for one in readings} == {
        series.series_instance_uid: None,
        "1.2.3": LeftOut.ANOTHER_WAS_READ,
    }
    broken = changed(series, lambda frame: replace(frame, columns=7 + frame.columns))
    images, readings = read_views([beside, broken], place, role)
    assert len(images) == 3
    assert {one.series_instance_uid: one.left_out for one in readings} == {
        series.series_instance_uid: LeftOut.UNREADABLE,
        "1.2.3": None,
    }


def test_planes_that_are_turned_around_the_axis_are_no_one_plane(study, place):
    """A series of radial planes: every one passes through the middle of the heart."""
    (series,) = of(study, Role.TWO_CHAMBER_CINE)
    (other,) = of(study, Role.FOUR_CHAMBER_CINE)
    radial = replace(series, frames=(*series.frames, *other.frames))
    images, _ = read_views([radial], place, (Role.TWO_CHAMBER_CINE,))
    assert len(images) == 3
    assert len({tuple(image.affine[:3, 0]) for image in images}) == 1


def test_late_enhancement_is_bounded_and_the_newest_of_a_place_is_read(study, place):
    (series,) = of(study, Role.LGE)
    again = changed(
        replace(series, series_instance_uid="1.2.3"),
        lambda frame: replace(frame, acquired_s=(frame.acquired_s or 0.0) + 60.0),
    )
    _, readings = read_views([series, again], place, (Role.LGE,))
    assert {one.series_instance_uid: one.left_out for one in readings} == {
        series.series_instance_uid: LeftOut.ANOTHER_WAS_READ,
        "1.2.3": None,
    }
    between = changed(
        series,
        lambda frame: replace(
            frame, position_mm=tuple(np.asarray(frame.position_mm) + np.array([2.0, -2.0, -2.0]))
        ),
    )
    images, _ = read_views(
        [series, replace(between, series_instance_uid="1.2.4")], place, (Role.LGE,)
    )
    assert len(images) == MAXIMUM_LATE_IMAGES


def test_moment_of_late_enhancement_without_times_is_mid_diastole(study, place):
    (series,) = of(study, Role.LGE)
    timeless = changed(series, lambda frame: replace(frame, trigger_time_ms=None))
    images, _ = read_views([timeless], place, (Role.LGE,))
    assert {one.phase_share for one in images} == {LATE_SHARE}
