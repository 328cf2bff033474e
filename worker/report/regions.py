"""The contours at end-diastole and end-systole as image regions, one group for each outline.

Knows how an outline in pixels becomes coordinates of the patient (SCOORD3D) or of its image
(SCOORD); the outlines are those that the pages show, with fewer points.

References
----------
DICOM PS3.16 TID 1410 (Planar ROI), CID 219 and 3843; PS3.3 C.18.6 (SCOORD: the outer corner of
the first pixel is (0, 0), its centre (0.5, 0.5)), C.18.9 (SCOORD3D).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom.sr import (
    FindingSite,
    GraphicTypeValues,
    GraphicTypeValues3D,
    ImageRegion,
    ImageRegion3D,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
)

from plugin.domain.findings import Code
from worker.findings.contours import Polyline, SliceContours, contours
from worker.findings.definition import LEFT_VENTRICLE, RIGHT_VENTRICLE
from worker.report import codes
from worker.report.codes import concept
from worker.report.items import MODIFIER, coded
from worker.report.material import Material
from worker.report.measurement_groups import algorithm, tracked
from worker.report.structures import ends_of_cycle
from worker.volume.types import CineStack

_STEP = 2
"""Every second point is written: they lie less than a pixel apart, so the line hardly moves."""
_MINIMUM_POINTS = 4  # a triangle, closed


@dataclass(frozen=True, slots=True)
class Border:
    """One kind of outline: how it is called, its codes, and where it is among the contours."""

    name: str
    finding: Code
    site: Code
    of: Callable[[SliceContours], tuple[Polyline, ...]]


BORDERS = (
    Border("LV endocardium", codes.ENDOCARDIAL, LEFT_VENTRICLE, lambda c: c.endocardium),
    Border("LV epicardium", codes.EPICARDIAL, LEFT_VENTRICLE, lambda c: c.epicardium),
    Border("RV endocardium", codes.ENDOCARDIAL, RIGHT_VENTRICLE, lambda c: c.right_ventricle),
)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One closed outline of one frame, ``[point, 2]`` (column, row), pixel centres whole."""

    border: Border
    phase_name: str
    phase: int
    slice_index: int
    part: int
    points: npt.NDArray[np.float64]

    @property
    def subject(self) -> str:
        """What it is called in every report of the study; slices count from 1 at the base."""
        part = f", part {self.part + 1}" if self.part else ""
        return f"{self.border.name} at {self.phase_name}, slice {self.slice_index + 1}{part}"


def region_groups(
    material: Material, *, in_patient: bool
) -> list[PlanarROIMeasurementsAndQualitativeEvaluations]:
    """Return one TID 1410 group for each outline at end-diastole and end-systole.

    Parameters
    ----------
    in_patient
        As SCOORD3D; else, and where the images name no frame of reference, as SCOORD on the frame.
    """
    spatial = in_patient and bool(material.stack.frame_of_reference_uid)
    return [_group(outline, material, spatial=spatial) for outline in outlines(material)]


def outlines(material: Material) -> Iterator[Outline]:
    """Yield the outlines by phase, slice and border."""
    for name, phase in ends_of_cycle(material.assessment):
        for index, found in enumerate(contours(material.labels[phase])):
            for border in BORDERS:
                for part, line in enumerate(border.of(found)):
                    points = np.concatenate([line[:-1:_STEP], line[:1]])
                    if len(points) >= _MINIMUM_POINTS:
                        yield Outline(border, name, phase, index, part, points)


def _group(
    outline: Outline, material: Material, *, spatial: bool
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    """Return the group; beyond the template it names the phase and the frame of a 3D outline."""
    stack = material.stack
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracked(outline.subject, outline.subject, material.uids),
        referenced_region=_in_patient(outline, stack) if spatial else _on_image(outline, stack),
        finding_type=concept(outline.border.finding),
        algorithm_id=algorithm(material.identity),
        finding_sites=[FindingSite(concept(outline.border.site))],
        geometric_purpose=concept(codes.OUTLINE),
    )
    point = codes.CYCLE_POINTS[outline.phase_name]
    group[0].ContentSequence.append(coded(codes.CARDIAC_CYCLE_POINT, point, MODIFIER))
    if spatial:
        frame = stack.frames[outline.phase][outline.slice_index]
        numbers = None if frame.frame_number is None else [frame.frame_number]
        group[0].ContentSequence.append(
            SourceImageForMeasurementGroup(frame.sop_class_uid, frame.sop_instance_uid, numbers)
        )
    return group


def _in_patient(outline: Outline, stack: CineStack) -> ImageRegion3D:
    """Return it as a polygon, which OHIF does not draw: TID 1410 allows no POLYLINE in 3D."""
    points = patient_points_mm(outline, stack)
    return ImageRegion3D(GraphicTypeValues3D.POLYGON, points, stack.frame_of_reference_uid)


def patient_points_mm(outline: Outline, stack: CineStack) -> npt.NDArray[np.float64]:
    """Return ``[point, 3]`` LPS in mm: on the plane of the slice, wherever the next one lies."""
    steps = stack.affine[:3, :2].T
    return np.asarray(stack.slice_origins_mm[outline.slice_index] + outline.points @ steps)


def _on_image(outline: Outline, stack: CineStack) -> ImageRegion:
    frame = stack.frames[outline.phase][outline.slice_index]
    numbers = None if frame.frame_number is None else [frame.frame_number]
    source = SourceImageForRegion(frame.sop_class_uid, frame.sop_instance_uid, numbers)
    return ImageRegion(GraphicTypeValues.POLYLINE, outline.points + 0.5, source)
