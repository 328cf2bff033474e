"""Whole generated examinations as DICOM, and the four patients of the demonstration.

Knows how the series of a study are put together and written to a folder. What a header says is the
business of `header`, `classic` and `enhanced`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from worker.phantom.cine import PhantomCine, Protocol, acquire
from worker.phantom.classic import classic_series
from worker.phantom.companions import companion_pictures
from worker.phantom.enhanced import enhanced_series
from worker.phantom.header import PatientIdentity, StudyIdentity
from worker.phantom.heart import Heart, HeartKind, sample_heart
from worker.phantom.pictures import Picture, SeriesKind, short_axis_picture
from worker.phantom.truth import HeartTruth
from worker.phantom.vendors import Vendor

__all__ = [
    "GeneratedPatient",
    "Layout",
    "PatientIdentity",
    "StudyIdentity",
    "Vendor",
    "build_study",
    "demo_patients",
    "generate",
    "write_study",
]

LONG_AXES = {SeriesKind.TWO_CHAMBER, SeriesKind.THREE_CHAMBER, SeriesKind.FOUR_CHAMBER}


class Layout(StrEnum):
    """How the short-axis cine is divided into series and instances."""

    ONE_SERIES = "one-series"
    SERIES_PER_SLICE = "series-per-slice"
    ENHANCED = "enhanced"


def build_study(
    cine: PhantomCine,
    study: StudyIdentity,
    layout: Layout = Layout.ONE_SERIES,
    *,
    with_companions: bool = False,
) -> list[Dataset]:
    """Turn a cine into the instances of a study.

    Parameters
    ----------
    with_companions
        Add localiser, long-axis cines, flow, T1 map and late enhancement (classic MR images).

    Returns
    -------
    list of Dataset
        Complete instances with file meta information, in the order of acquisition.
    """
    companions: list[Picture] = []
    if with_companions:
        companions = companion_pictures(cine, np.random.default_rng(7))
    before = [p for p in companions if p.kind is SeriesKind.LOCALISER or p.kind in LONG_AXES]
    after = [p for p in companions if p not in before]
    instances: list[Dataset] = []
    for number, picture in enumerate(before, start=1):
        instances += classic_series(picture, study, number, one_series_per_slice=False)
    number = len(before) + 1
    short_axis = short_axis_picture(cine)
    if layout is Layout.ENHANCED:
        instances += enhanced_series(short_axis, study, number)
    else:
        instances += classic_series(
            short_axis, study, number, one_series_per_slice=layout is Layout.SERIES_PER_SLICE
        )
    for late, picture in enumerate(after, start=100):
        instances += classic_series(picture, study, late, one_series_per_slice=False)
    return instances


def write_study(instances: list[Dataset], folder: Path) -> list[Path]:
    """Write instances as DICOM files ``IM00001.dcm`` ...; the folder is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, instance in enumerate(instances, start=1):
        path = folder / f"IM{number:05d}.dcm"
        instance.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


@dataclass(frozen=True)
class GeneratedPatient:
    """A generated patient: heart, imaging and identity; pixels are made on demand."""

    title: str
    heart: Heart
    protocol: Protocol
    study: StudyIdentity
    layout: Layout
    seed: int
    with_companions: bool

    @property
    def truth(self) -> HeartTruth:
        """What a perfect measurement would find."""
        return self.heart.truth()

    def cine(self) -> PhantomCine:
        """Acquire the short-axis cine; the same every time."""
        return acquire(self.heart, self.protocol, np.random.default_rng([self.seed, 1]))

    def instances(self) -> list[Dataset]:
        """Build the DICOM instances of the study."""
        return build_study(
            self.cine(), self.study, self.layout, with_companions=self.with_companions
        )


def generate(
    kind: HeartKind | str,
    seed: int = 0,
    *,
    vendor: Vendor = Vendor.SIEMENS,
    layout: Layout = Layout.ONE_SERIES,
    with_companions: bool = False,
    protocol: Protocol | None = None,
) -> GeneratedPatient:
    """Generate a patient with one kind of heart; everything follows from the arguments."""
    kind = HeartKind(kind)
    heart = sample_heart(kind, np.random.default_rng([seed, 0]))
    words = str(kind).replace("_", " ")
    identity = PatientIdentity(f"GENERATED^{words.title()}", f"GEN-{kind}-{seed}", heart.person)
    study = StudyIdentity(identity, vendor=vendor, accession_number=f"GEN{seed:05d}")
    if protocol is None:
        protocol = Protocol()
    return GeneratedPatient(words, heart, protocol, study, layout, seed, with_companions)


DEMO_CASES: tuple[tuple[str, HeartKind, int, Vendor, Layout, float], ...] = (
    ("healthy", HeartKind.HEALTHY, 2, Vendor.SIEMENS, Layout.ONE_SERIES, 10.0),
    ("dilated, low EF", HeartKind.DILATED, 14, Vendor.GE, Layout.ONE_SERIES, 8.0),
    (
        "hypertrophic",
        HeartKind.HYPERTROPHIC_SEPTAL,
        8,
        Vendor.PHILIPS,
        Layout.SERIES_PER_SLICE,
        10.0,
    ),
    ("right-ventricular", HeartKind.RIGHT_VENTRICULAR, 5, Vendor.PHILIPS, Layout.ENHANCED, 10.0),
)
"""Title, kind, seed, conventions, layout and slice distance (mm) of each patient.

The distance lets the valve plane of end-systole fall between two slices, so that the comparison
shows the contours' error and not that of summing discs.
"""


def demo_patients(*, with_companions: bool = True) -> tuple[GeneratedPatient, ...]:
    """Return the four patients of the demonstration, one for each vendor convention and layout."""
    patients = []
    for number, case in enumerate(DEMO_CASES, start=1):
        title, kind, seed, vendor, layout, distance_mm = case
        patient = generate(
            kind,
            seed,
            vendor=vendor,
            layout=layout,
            with_companions=with_companions,
            protocol=Protocol(slice_distance_mm=distance_mm, slice_thickness_mm=8.0),
        )
        family = title.replace(",", "").replace("-", " ").upper()
        identity = replace(
            patient.study.patient, name=f"GENERATED^{family}", patient_id=f"GENERATED-{number}"
        )
        study = replace(patient.study, patient=identity, accession_number=f"DEMO-{number:04d}")
        patients.append(replace(patient, title=title, study=study))
    return tuple(patients)
