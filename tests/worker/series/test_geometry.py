import numpy as np
import pytest

from worker.series.geometry import (
    USUAL_APEX_DIRECTION,
    View,
    apex_cosine,
    group_positions,
    is_same_orientation,
    view_of,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def orientation_across(normal: np.ndarray) -> tuple[float, ...]:
    row = np.cross(normal, [0.3, 0.9, -0.3])
    row /= np.linalg.norm(row)
    return (*row, *np.cross(normal, row))


def long_axis_normal(trace_degrees: float) -> np.ndarray:
    """Return the normal of the plane through the axis whose trace lies so far above lateral."""
    up = np.array([0.0, 0.0, 1.0]) - USUAL_APEX_DIRECTION[2] * USUAL_APEX_DIRECTION
    up /= np.linalg.norm(up)
    lateral = np.cross(up, USUAL_APEX_DIRECTION)
    angle = np.radians(trace_degrees)
    return np.cross(USUAL_APEX_DIRECTION, np.cos(angle) * lateral + np.sin(angle) * up)


def test_lateral_wall_lies_left_and_posterior() -> None:
    up = np.array([0.0, 0.0, 1.0]) - USUAL_APEX_DIRECTION[2] * USUAL_APEX_DIRECTION
    lateral = np.cross(up, USUAL_APEX_DIRECTION)

    assert lateral[0] > 0
    assert lateral[1] > 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("degrees", "view"),
    [
        (5.0, View.FOUR_CHAMBER),
        (30.0, View.FOUR_CHAMBER),
        (55.0, View.FOUR_CHAMBER),
        (90.0, View.TWO_CHAMBER),
        (150.0, View.THREE_CHAMBER),
        (175.0, View.THREE_CHAMBER),
    ],
)
def test_view_of_names_long_axes_by_their_trace(degrees: float, view: View, sign: float) -> None:
    assert view_of(orientation_across(sign * long_axis_normal(degrees))) is view


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_view_of_short_axis_does_not_depend_on_the_side(sign: float) -> None:
    assert view_of(orientation_across(sign * USUAL_APEX_DIRECTION)) is View.SHORT_AXIS


def test_view_of_body_planes_is_oblique() -> None:
    assert view_of(AXIAL) is View.OBLIQUE
    assert view_of((0.0, 1.0, 0.0, 0.0, 0.0, -1.0)) is View.OBLIQUE


@pytest.mark.parametrize("apex", [(0.8, -0.5, -0.25), (0.4, -0.4, -0.8), (0.5, -0.75, -0.45)])
def test_view_of_accepts_horizontal_and_vertical_hearts(apex: tuple[float, ...]) -> None:
    normal = np.asarray(apex) / np.linalg.norm(apex)

    assert view_of(orientation_across(normal)) is View.SHORT_AXIS
    assert apex_cosine(orientation_across(normal)) > 0.8


def test_group_positions_joins_what_is_within_the_tolerance() -> None:
    assert group_positions([10.0, 0.0, 0.4, 20.0, 10.2]) == [1, 0, 0, 2, 1]
    assert group_positions([0.0, 1.5]) == [0, 1]
    assert group_positions([]) == []


def test_is_same_orientation_tells_opposite_rows_apart() -> None:
    assert is_same_orientation(AXIAL, AXIAL, 1.0)
    assert not is_same_orientation(AXIAL, (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 1.0)
