"""Whole generated studies in the conventions of three vendors: every series gets its role."""

from functools import cache

import pytest
from pydicom.dataset import Dataset

from worker.phantom.cine import Protocol
from worker.phantom.pictures import SeriesKind
from worker.phantom.study import Layout, generate
from worker.phantom.vendors import Vendor, sequence_of
from worker.series import Role, classify_series

TINY = Protocol(
    n_slices=5, n_phases=6, n_rows=48, n_columns=40, pixel_mm=4.5, slice_distance_mm=18.0
)
ROLES = {
    SeriesKind.LOCALISER: Role.LOCALISER,
    SeriesKind.TWO_CHAMBER: Role.TWO_CHAMBER_CINE,
    SeriesKind.THREE_CHAMBER: Role.THREE_CHAMBER_CINE,
    SeriesKind.FOUR_CHAMBER: Role.FOUR_CHAMBER_CINE,
    SeriesKind.SHORT_AXIS: Role.SHORT_AXIS_CINE,
    SeriesKind.LGE: Role.LGE,
    SeriesKind.T1_MAP: Role.T1_MAP,
    SeriesKind.FLOW: Role.FLOW,
}


@cache
def headers(vendor: Vendor, layout: Layout) -> tuple[Dataset, ...]:
    patient = generate(
        "healthy", 2, vendor=vendor, layout=layout, protocol=TINY, with_companions=True
    )
    return tuple(patient.instances())


def expected(vendor: Vendor, images: tuple[Dataset, ...]) -> dict[str, Role]:
    """Role of each series, by what the generator calls it."""
    named = {sequence_of(vendor, kind).description: role for kind, role in ROLES.items()}
    return {ds.SeriesInstanceUID: named[ds.SeriesDescription] for ds in images}


@pytest.mark.parametrize("with_descriptions", [True, False], ids=["described", "nameless"])
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("vendor", Vendor)
def test_every_series_of_a_study_gets_its_role(
    vendor: Vendor, layout: Layout, with_descriptions: bool
) -> None:
    images = headers(vendor, layout)
    roles = expected(vendor, images)
    assert set(roles.values()) == set(ROLES.values())
    if not with_descriptions:
        images = tuple(nameless(ds) for ds in images)

    assert {one.series_instance_uid: one.role for one in classify_series(images)} == roles


def nameless(image: Dataset) -> Dataset:
    """Return the image without the words that people type."""
    copy = Dataset()
    copy.update({element.tag: element for element in image})
    copy.SeriesDescription = copy.ProtocolName = ""
    return copy
