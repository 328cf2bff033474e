"""Analysed studies on disk, with their truth: what the alignment stages learn from.

``python -m worker.training.language.study_data --bundle FOLDER --acdc FOLDER --phantoms 77 --mixed
300 --out FOLDER`` segments generated hearts and ACDC patients with the runtime's own tower and
keeps, per study, what the study encoder reads and two assessments: of the tower's contours and of
the true ones. What is there already is left alone, so it can be stopped and started again.

Pixels are not kept. Which patients may be learnt from is decided by whoever reads.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError
from plugin.domain.findings import Assessment
from worker.bundle import load_bundle
from worker.findings.assess import assess
from worker.findings.uncertainty import STANDARD_ERRORS, StandardError
from worker.model.language.study import study_features
from worker.model.language.views import view_features
from worker.model.language.vision import StudyFeatures, ViewFeatures
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.phantom.anatomy import HeartKind
from worker.phantom.cine import Protocol, acquire
from worker.phantom.heart import (
    HeartTraits,
    Wall,
    sample_heart,
    sample_heart_with,
    sample_traits,
)
from worker.training.cohorts import acdc_patients, read_acdc_info
from worker.training.evaluate import read_cases
from worker.training.generated_hearts import ends_of, patient_of, stack_of
from worker.training.language.view_data import (
    AS_ANALYSED,
    Further,
    Making,
    draw_further,
    true_segmentation,
)
from worker.volume.types import CineStack, PatientContext

Cohort = Literal["acdc", "phantom", "mixed"]

MEASUREMENTS = (
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_diastolic_volume_index",
    "lv_end_systolic_volume",
    "lv_mass",
    "lv_mass_index",
    "rv_ejection_fraction",
    "rv_end_diastolic_volume",
    "rv_end_diastolic_volume_index",
    "maximal_wall_thickness",
)
"""What becomes measurement tokens."""

GROUP_OF_KIND = {
    HeartKind.HEALTHY: "NOR",
    HeartKind.DILATED: "DCM",
    HeartKind.HYPERTROPHIC_SEPTAL: "HCM",
    HeartKind.HYPERTROPHIC_CONCENTRIC: "HCM",
    HeartKind.HYPERTROPHIC_APICAL: "HCM",
    HeartKind.INFARCT: "MINF",
    HeartKind.RIGHT_VENTRICULAR: "RV",
}
"""ACDC's group of a generated heart."""

MIXED = "mixed"
"""Kind of a heart whose traits were drawn one by one; it has no group of its own."""

_N_PHASES = 3
_EXACT = {key: StandardError(0.0, 0.0, "true contours") for key in STANDARD_ERRORS}
# two phases without times; systole ends about a third into the beat
_ACDC_PHASE_SHARES = (0.0, 0.35)
_ARRAYS = ("regions", "phase_share", "slice_position", "level", "measurements")
_VIEW_ARRAYS = ("regions", "kind", "phase_share", "position")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledStudy:
    """One study with what is true of it.

    Attributes
    ----------
    id
        ``patient001``, ``phantom-0001`` (a kind of heart) or ``mixed-0001`` (traits one by one).
    group
        ACDC's group; empty for mixed hearts, which the criteria of the groups decide about.
    kind
        Kind of a generated heart; the group of a patient.
    features
        From the tower's contours, with the measurements of `MEASUREMENTS`.
    measured
        Assessment of the tower's contours, as the runtime would state it.
    truth
        Assessment of the true contours, without uncertainty.
    traits
        What a mixed heart was drawn with.
    enhanced
        Whether late enhancement shows a scar; None where that is not known.
    """

    id: str
    cohort: Cohort
    group: str
    kind: str
    features: StudyFeatures
    measured: Assessment
    truth: Assessment
    traits: HeartTraits | None = None
    enhanced: bool | None = None


def write_study(study: LabelledStudy, folder: Path) -> None:
    """Write ``<id>.npz``; a half-written file never takes its place."""
    about = {
        "id": study.id,
        "cohort": study.cohort,
        "group": study.group,
        "kind": study.kind,
        "measured": study.measured.to_json(),
        "truth": study.truth.to_json(),
        "traits": study.traits and asdict(study.traits),
        "enhanced": study.enhanced,
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {
        name: getattr(study.features, name) for name in _ARRAYS
    }
    if study.features.views is not None:
        arrays |= {f"view_{one}": getattr(study.features.views, one) for one in _VIEW_ARRAYS}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    temporary = folder / f"{study.id}.part"
    with temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    temporary.replace(folder / f"{study.id}.npz")


def read_studies(folder: Path) -> list[LabelledStudy]:
    """Read all studies of a folder, in the order of their ids."""
    return [_read(path) for path in sorted(folder.glob("*.npz"))]


def _read(path: Path) -> LabelledStudy:
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        features = StudyFeatures(**{name: stored[name] for name in _ARRAYS})
        if "view_kind" in stored:
            views = ViewFeatures(**{one: stored[f"view_{one}"] for one in _VIEW_ARRAYS})
            features = replace(features, views=views)
    return LabelledStudy(
        about["id"],
        about["cohort"],
        about["group"],
        about["kind"],
        features,
        Assessment.from_json(about["measured"]),
        Assessment.from_json(about["truth"]),
        _traits(about.get("traits")),
        about.get("enhanced"),
    )


def _traits(stored: dict[str, Any] | None) -> HeartTraits | None:
    return HeartTraits(**{**stored, "wall": Wall(stored["wall"])}) if stored else None


def phantom_study(
    tower: SegmentationTower, seed: int, index: int, making: Making = AS_ANALYSED
) -> LabelledStudy:
    """Draw, image and analyse generated heart ``index``; kinds take turns.

    Raises
    ------
    ModelError
        The tower finds no heart, or what it finds cannot be reported.
    """
    rng = np.random.default_rng([seed, index])
    kind = list(HeartKind)[index % len(HeartKind)]
    heart = sample_heart(kind, rng)
    cine = acquire(heart, _protocol(rng), rng)
    about = _About(
        f"phantom-{index:04d}",
        "phantom",
        GROUP_OF_KIND[kind],
        kind.value,
        patient_of(heart.person),
    )
    further = draw_further(cine, np.random.default_rng([seed, index, 2])) if making.views else None
    return _analysed(tower, about, stack_of(cine), cine.labels, making, further)


def mixed_study(
    tower: SegmentationTower, seed: int, index: int, making: Making = AS_ANALYSED
) -> LabelledStudy:
    """Draw, image and analyse mixed heart ``index``: every trait by a chance of its own.

    Two phases, as the ACDC patients have, and mostly their slice distance.

    Raises
    ------
    ModelError
        The tower finds no heart, or what it finds cannot be reported.
    """
    rng = np.random.default_rng([seed, index, 1])
    traits = sample_traits(rng)
    heart = sample_heart_with(traits, rng)
    protocol = replace(_protocol(rng), slice_distance_mm=float(rng.choice([8.0, 10.0, 10.0])))
    whole = acquire(heart, protocol, rng)
    cine = ends_of(whole)
    about = _About(f"mixed-{index:04d}", "mixed", "", MIXED, patient_of(heart.person))
    further = draw_further(whole, np.random.default_rng([seed, index, 3])) if making.views else None
    study = _analysed(tower, about, stack_of(cine), cine.labels, making, further)
    return replace(study, traits=traits)


def _protocol(rng: np.random.Generator) -> Protocol:
    return Protocol(
        n_phases=_N_PHASES,
        pixel_mm=float(rng.uniform(1.4, 1.8)),
        n_rows=144,
        n_columns=144,
        turn_deg=float(rng.uniform(-40, 40)),
        base_share=float(rng.uniform(-0.5, 0.5)),
        breath_hold_mm=float(rng.uniform(0.3, 1.5)),
        harsh=bool(rng.random() < 1 / 3),
    )


def acdc_study(tower: SegmentationTower, directory: Path, patient: str) -> LabelledStudy:
    """Analyse end-diastole and end-systole of an ACDC patient.

    Raises
    ------
    ModelError
        The tower finds no heart, or what it finds cannot be reported.
    """
    (case,) = read_cases(directory, [patient])
    info = read_acdc_info(directory / patient)
    size = PatientContext(height_cm=info.height_cm, weight_kg=info.weight_kg)
    about = _About(patient, "acdc", case.group, case.group, size)
    study = _analysed(tower, about, case.stack, case.truth)
    shares = np.asarray(_ACDC_PHASE_SHARES, dtype=np.float32)
    return replace(study, features=replace(study.features, phase_share=shares))


@dataclass(frozen=True, slots=True)
class _About:
    id: str
    cohort: Cohort
    group: str
    kind: str
    patient: PatientContext


def _analysed(
    tower: SegmentationTower,
    about: _About,
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    making: Making = AS_ANALYSED,
    further: Further | None = None,
) -> LabelledStudy:
    exact = making.true_contours
    segmentation = true_segmentation(tower, stack, labels) if exact else tower.segment(stack)
    measured = assess(stack, segmentation, about.patient)
    sure = Segmentation(labels, np.ones(labels.shape[:2], np.float32))
    truth = _without_intervals(assess(stack, sure, about.patient, standard_errors=_EXACT))
    features = study_features(stack, segmentation, measured, MEASUREMENTS)
    if features is None:
        msg = "the bundle's tower gives no features"
        raise ValueError(msg)
    enhanced = None
    if further is not None:
        views = view_features(further.images, stack, segmentation, measured, tower)
        features = replace(features, views=views)
        enhanced = further.enhanced
    return LabelledStudy(
        about.id,
        about.cohort,
        about.group,
        about.kind,
        features,
        measured,
        truth,
        enhanced=enhanced,
    )


def _without_intervals(assessment: Assessment) -> Assessment:
    measurements = tuple(replace(one, interval=None) for one in assessment.measurements)
    return replace(assessment, measurements=measurements)


def make_studies(
    tower: SegmentationTower,
    folder: Path,
    *,
    n_phantoms: int,
    seed: int,
    acdc: Path | None,
    n_mixed: int = 0,
    making: Making = AS_ANALYSED,
) -> tuple[str, ...]:
    """Write what is missing of a folder of studies.

    Parameters
    ----------
    tower
        Of the bundle that the network will run with.
    folder
        Where studies are kept.
    n_phantoms, seed
        How many generated hearts of the seven kinds in turn, and which.
    acdc
        Folder of the ACDC patients, all of which are analysed; None for generated hearts only.
    n_mixed
        How many generated hearts whose traits are drawn one by one.
    making
        How generated hearts are made into studies.

    Returns
    -------
    tuple of str
        Ids of those that the tower or the measurements refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.stem for path in folder.glob("*.npz")}
    refused = []
    for name, make in _wanted(tower, n_phantoms, n_mixed, seed, acdc, making):
        if name in there:
            continue
        try:
            write_study(make(), folder)
        except ModelError:
            refused.append(name)
    return tuple(refused)


def _wanted(
    tower: SegmentationTower,
    n_phantoms: int,
    n_mixed: int,
    seed: int,
    acdc: Path | None,
    making: Making,
) -> Iterator[tuple[str, Callable[[], LabelledStudy]]]:
    if acdc is not None:
        for patient in (path.name for path in acdc_patients(acdc)):
            yield patient, partial(acdc_study, tower, acdc, patient)
    for index in range(n_phantoms):
        yield f"phantom-{index:04d}", partial(phantom_study, tower, seed, index, making)
    for index in range(n_mixed):
        yield f"mixed-{index:04d}", partial(mixed_study, tower, seed, index, making)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Analyse the studies that the alignment learns.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--acdc", type=Path)
    parser.add_argument("--phantoms", type=int, default=77, help="of the seven kinds in turn")
    parser.add_argument("--mixed", type=int, default=300, help="with traits drawn one by one")
    parser.add_argument(
        "--views", action="store_true", help="with long axes and late enhancement (generated only)"
    )
    parser.add_argument(
        "--true-contours", action="store_true", help="contours of generated hearts are not sought"
    )
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    tower = SegmentationTower(load_bundle(given.bundle), threads=given.threads)
    refused = make_studies(
        tower,
        given.out,
        n_phantoms=given.phantoms,
        seed=given.seed,
        acdc=given.acdc,
        n_mixed=given.mixed,
        making=Making(given.views, given.true_contours),
    )
    print(json.dumps({"refused": refused}, indent=1))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    _main()
