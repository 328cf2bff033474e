from collections.abc import Callable, Iterable

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

from tests.worker.volume.studies import cine, enhanced_cine
from worker.series import Role, classify_series
from worker.series.geometry import USUAL_APEX_DIRECTION

# Normals of long-axis planes through the usual heart: traces at 30, 90 and 150 degrees.
FOUR_CHAMBER = (0.03, -0.69, 0.72)
TWO_CHAMBER = (0.66, 0.75, 0.0)
THREE_CHAMBER = (0.69, 0.06, 0.72)


def role(images: Iterable[Dataset]) -> Role:
    roles = classify_series(images)
    assert len(roles) == 1
    assert roles[0].reason.endswith(".")
    return roles[0].role


def changed(images: list[FileDataset], **attributes: object) -> list[FileDataset]:
    for ds in images:
        for keyword, value in attributes.items():
            if value is None and keyword in ds:
                delattr(ds, keyword)
            elif value is not None:
                setattr(ds, keyword, value)
    return images


def single_phase(**attributes: object) -> list[FileDataset]:
    images = cine(n_phases=1, n_slices=6)
    return changed(images, CardiacNumberOfImages=None, **attributes)


def repeated(n_repeats: int, **attributes: object) -> list[FileDataset]:
    """One image per beat at each of three places."""
    images = changed(cine(n_phases=n_repeats, n_slices=3), CardiacNumberOfImages=1)
    for i, ds in enumerate(images):
        beat = i % n_repeats
        ds.TriggerTime = 120.0
        ds.AcquisitionTime = f"10{15 + beat // 60:02d}{beat % 60:02d}"
    return changed(images, **attributes)


@pytest.mark.parametrize("vendor", ["SIEMENS", "GE MEDICAL SYSTEMS", "Philips Medical Systems"])
@pytest.mark.parametrize("description", ["cine", "", "4ch? no idea"])
def test_short_axis_cine_is_found_by_geometry_whatever_it_is_called(
    vendor: str, description: str
) -> None:
    assert role(cine(vendor=vendor, description=description)) is Role.SHORT_AXIS_CINE


@pytest.mark.parametrize(
    ("normal", "expected"),
    [
        (TWO_CHAMBER, Role.TWO_CHAMBER_CINE),
        (THREE_CHAMBER, Role.THREE_CHAMBER_CINE),
        (FOUR_CHAMBER, Role.FOUR_CHAMBER_CINE),
        (tuple(USUAL_APEX_DIRECTION), Role.SHORT_AXIS_CINE),
        (tuple(-USUAL_APEX_DIRECTION), Role.SHORT_AXIS_CINE),
    ],
)
def test_cine_of_one_slice_is_named_by_its_plane(normal: tuple[float, ...], expected: Role) -> None:
    assert role(cine(n_slices=1, apex=normal, description="")) is expected


def test_axial_cine_stack_is_no_short_axis() -> None:
    assert role(cine(apex=(0.0, 0.0, 1.0), description="")) is Role.OTHER


def test_axial_cine_of_one_slice_is_named_by_its_description() -> None:
    images = cine(n_slices=1, apex=(0.0, 0.0, 1.0), description="cine 4ch")

    assert role(images) is Role.FOUR_CHAMBER_CINE


def test_enhanced_cine_is_found_by_its_functional_groups() -> None:
    assert role(enhanced_cine(description="")) is Role.SHORT_AXIS_CINE


def test_cine_without_trigger_times_is_found_by_temporal_positions() -> None:
    images = changed(cine(), TriggerTime=None, CardiacNumberOfImages=None)
    for i, ds in enumerate(images):
        ds.TemporalPositionIdentifier = i % 8 + 1

    assert role(images) is Role.SHORT_AXIS_CINE


@pytest.mark.parametrize(
    "attributes",
    [
        {"ScanningSequence": ["GR", "IR"], "InversionTime": 280},
        {"SequenceVariant": "SP", "InversionTime": 250},  # GE: gradient echo with a TI
        {"ScanningSequence": ["GR", "IR"], "ImageType": ["ORIGINAL", "PRIMARY", "R", "PSIR"]},
    ],
    ids=["siemens", "ge", "psir"],
)
def test_lge_is_gated_inversion_recovery_of_one_phase(attributes: dict[str, object]) -> None:
    assert role(single_phase(SeriesDescription="", ProtocolName="", **attributes)) is Role.LGE


@pytest.mark.parametrize(
    ("token", "expected"),
    [("T1 MAP", Role.T1_MAP), ("T1_MAP", Role.T1_MAP), ("T2 MAP", Role.T2_MAP)],
)
def test_maps_are_found_by_image_type(token: str, expected: Role) -> None:
    assert role(single_phase(ImageType=["DERIVED", "PRIMARY", "M", token])) is expected


@pytest.mark.parametrize(("code", "expected"), [("113063", Role.T1_MAP), ("113065", Role.T2_MAP)])
def test_maps_are_found_by_real_world_values(code: str, expected: Role) -> None:
    concept, quantity, mapping = Dataset(), Dataset(), Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator = code, "DCM"
    quantity.ConceptCodeSequence = Items([concept])
    mapping.QuantityDefinitionSequence = Items([quantity])

    assert role(single_phase(RealWorldValueMappingSequence=Items([mapping]))) is expected


def test_sources_of_a_t1_map_are_told_from_an_inversion_scout() -> None:
    images = changed(cine(n_slices=1), ScanningSequence=["GR", "IR"], TriggerTime=400.0)
    for i, ds in enumerate(images):
        ds.InversionTime = 100.0 + 80.0 * i

    assert role(images) is Role.OTHER
    assert role(changed(images, SeriesDescription="MOLLI_5(3)3")) is Role.T1_MAP


def test_perfusion_is_one_image_per_beat_over_many_beats() -> None:
    images = repeated(40, SeriesDescription="", ProtocolName="", SequenceVariant="SP")

    assert role(images) is Role.PERFUSION


def test_perfusion_with_jittering_trigger_times_is_no_cine() -> None:
    images = repeated(40)
    for i, ds in enumerate(images):
        ds.TriggerTime = 120.0 + 3.0 * (i % 7)

    assert role(images) is Role.PERFUSION


@pytest.mark.parametrize(
    "attributes",
    [
        {"SequenceName": "*fl2d1_v150in"},
        {"ImageType": ["DERIVED", "PRIMARY", "P", "ND"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "PCA"]},
        {"PhaseContrast": "YES"},
        {"SequenceVariant": "SP", "SequenceName": "", "SeriesDescription": "Flow aorta"},
    ],
    ids=["siemens magnitude", "siemens phase", "philips", "enhanced", "by name"],
)
def test_flow_is_found_by_velocity_encoding(attributes: dict[str, object]) -> None:
    assert role(changed(cine(n_slices=1), **attributes)) is Role.FLOW


def test_localiser_is_single_images_in_several_orientations() -> None:
    images = []
    for apex in (TWO_CHAMBER, FOUR_CHAMBER, (0.0, 0.0, 1.0)):
        images += cine(n_slices=3, n_phases=1, apex=apex)

    assert role(changed(images, CardiacNumberOfImages=None)) is Role.LOCALISER


@pytest.mark.parametrize(
    "spoil",
    [
        lambda images: changed(images, SeriesDescription="cine tagging SAX"),
        lambda images: changed(images, ScanningSequence=["GR", "IR"]),
        lambda images: changed(images, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="MR"),
        lambda images: changed(images, SamplesPerPixel=3),
    ],
    ids=["tagging", "inversion scout", "secondary capture", "colour"],
)
def test_what_looks_like_a_cine_but_is_none_is_other(
    spoil: Callable[[list[FileDataset]], list[FileDataset]],
) -> None:
    assert role(spoil(cine())) is Role.OTHER


def test_realtime_cine_over_several_beats_is_other() -> None:
    assert role(cine(n_phases=60, n_slices=1, rr_ms=6000.0, description="rt")) is Role.OTHER


def test_long_axis_is_named_by_the_patients_own_short_axis() -> None:
    # A vertical heart, turned 25 degrees from the usual one: its long axes turn with it.
    apex = (0.40, -0.35, -0.85)
    short_axis = cine(apex=apex, series="sax", description="")
    two_chamber = cine(n_slices=1, apex=(0.66, 0.75, 0.0), series="lax", description="")
    roles = {one.role for one in classify_series([*short_axis, *two_chamber])}

    assert roles == {Role.SHORT_AXIS_CINE, Role.TWO_CHAMBER_CINE}


def test_every_series_gets_one_role_in_the_order_of_uids() -> None:
    images = cine(series="a") + cine(series="b", n_slices=1, apex=TWO_CHAMBER) + single_phase()
    roles = classify_series(images)

    assert [one.series_instance_uid for one in roles] == sorted(
        {ds.SeriesInstanceUID for ds in images}
    )
    assert sum(one.n_instances for one in roles) == len(images)
