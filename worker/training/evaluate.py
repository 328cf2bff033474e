"""Evaluates a bundle on ACDC patients: exported graph, runtime tower, the product's volumes.

Whole uncropped images, ED and ES. The split is by patient, and so is the bootstrap. It draws no
picture (`evaluation_figures`) and chooses nothing.
"""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason, StudyRejectedError
from worker.bundle import Bundle
from worker.bundle.manifest import EvaluationRow
from worker.findings.segments import maximal_thickness_mm, phase_walls, segment_thickness_mm
from worker.findings.volumes import disc_volumes_ml, ejection_fraction_percent, mass_g
from worker.gate import examine_contours, examine_pictures
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.training.cohorts import acdc_patients, read_acdc_frame, read_acdc_info, read_splits
from worker.volume.types import CineStack, PatientContext

STRUCTURES = {"lv": 3, "rv": 1, "myocardium": 2}
PHASES = ("ED", "ES")
GROSS_DICE = 0.8
GROSS_EF_POINTS = 10.0
_RESAMPLES = 2000
_MINIMUM_FOR_CORRELATION = 3


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A patient's two phases as a stack, and the expert's labels ``[2, slice, row, column]``."""

    patient: str
    group: str
    stack: CineStack
    truth: npt.NDArray[np.uint8]
    context: PatientContext = field(default_factory=PatientContext)


@dataclass(frozen=True, slots=True)
class PatientResult:
    """One row of the table; ``dice_<structure>_<phase>`` and values by mask and by network.

    ``wall_square_error_mm2``: mean squared error of the thickness of the wall's segments at ED and
    at ES, and of the greatest thickness; without what either drawing does not give. ``refused``:
    why the product would report nothing (log value of the reason).
    """

    patient: str
    group: str
    dice: dict[str, float]
    true: dict[str, float]
    measured: dict[str, float]
    wall_square_error_mm2: dict[str, float]
    gross_failure: bool
    refused: str | None = None


def patients_of(split: str, directory: Path) -> list[str]:
    """Return the ids of ``"validation"``, ``"monitor"`` or ``"training"`` (neither of the two)."""
    splits = read_splits()
    named = {"validation": splits.validation, "monitor": splits.monitor}
    if split in named:
        return list(named[split])
    if split != "training":
        msg = f"unknown split {split!r}: validation, monitor or training"
        raise ValueError(msg)
    taken = {*splits.validation, *splits.monitor}
    return [p.name for p in acdc_patients(directory) if p.name not in taken]


def read_cases(directory: Path, patients: Sequence[str]) -> Iterator[Case]:
    """Read patients one by one, in the pixels they were acquired with."""
    for patient in patients:
        info = read_acdc_info(directory / patient)
        frames = [read_acdc_frame(directory / patient, n) for n in (info.ed_frame, info.es_frame)]
        pixels = np.stack([frame[0] for frame in frames])
        truth = np.stack([frame[1] for frame in frames])
        context = PatientContext(height_cm=info.height_cm, weight_kg=info.weight_kg)
        yield Case(patient, info.group, stack_from_array(pixels, frames[0][2]), truth, context)


def data_digest(directory: Path, patients: Sequence[str]) -> str:
    """SHA-256 over the files that ``read_cases`` reads, in the order of the patients."""
    digest = hashlib.sha256()
    for patient in patients:
        folder = directory / patient
        info = read_acdc_info(folder)
        for frame in (info.ed_frame, info.es_frame):
            for end in ("", "_gt"):
                path = folder / f"{patient}_frame{frame:02d}{end}.nii.gz"
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        digest.update(hashlib.sha256((folder / "Info.cfg").read_bytes()).digest())
    return digest.hexdigest()


def stack_from_array(
    pixels: npt.NDArray[np.float32], spacing_mm: tuple[float, float, float]
) -> CineStack:
    """Make a stack of ``[phase, slice, row, column]`` with row, column and slice spacing."""
    row_mm, column_mm, slice_mm = spacing_mm
    n_phases, n_slices = pixels.shape[:2]
    origins = np.zeros((n_slices, 3))
    origins[:, 2] = np.arange(n_slices) * slice_mm
    return CineStack(
        pixels=pixels,
        affine=np.diag([column_mm, row_mm, slice_mm, 1.0]),
        slice_origins_mm=origins,
        trigger_times_ms=np.arange(n_phases, dtype=np.float64) * 300.0,
        frames=(),
        frame_of_reference_uid="",
    )


def evaluate_patient(tower: SegmentationTower, case: Case) -> tuple[PatientResult, Segmentation]:
    """Segment one patient and compare with the expert's masks; also return what was found."""
    found = _segmented(tower, case.stack)
    labels = found.labels
    dice = {
        f"{name}_{phase}": dice_coefficient(labels[k] == value, case.truth[k] == value)
        for k, phase in enumerate(PHASES)
        for name, value in STRUCTURES.items()
    }
    true, measured = _volumes(case.truth, case.stack), _volumes(labels, case.stack)
    off = abs(true["lvef_percent"] - measured["lvef_percent"])
    worst = min(dice["lv_ED"], dice["lv_ES"])
    gross = worst < GROSS_DICE or off > GROSS_EF_POINTS
    walls = _wall_square_error_mm2(case.truth, labels, case.stack)
    return PatientResult(case.patient, case.group, dice, true, measured, walls, gross), found


def refusal(stack: CineStack, found: Segmentation, bundle: Bundle) -> str | None:
    """Return why the gate would refuse a study (log value of the reason), or None."""
    try:
        examine_pictures(stack)
        examine_contours(stack, found, bundle)
    except (StudyRejectedError, ModelError) as error:
        return error.reason.value
    return None


def _segmented(tower: SegmentationTower, stack: CineStack) -> Segmentation:
    """Segment a stack; no heart found means no label, which counts as the error it is."""
    try:
        return tower.segment(stack)
    except ModelError as error:
        if error.reason is not Reason.HEART_NOT_FOUND:
            raise
        nothing = np.zeros(stack.pixels.shape, dtype=np.uint8)
        return Segmentation(nothing, np.zeros(nothing.shape[:2], dtype=np.float32))


def dice_coefficient(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """Dice coefficient; two empty masks agree."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def summarise(results: Sequence[PatientResult], seed: int = 0) -> tuple[EvaluationRow, ...]:
    """Mean Dice, errors of the volumes, with 95 % bootstrap intervals over patients."""
    rows: list[EvaluationRow] = []

    def add(
        measure: str,
        unit: str,
        statistic: Callable[[npt.NDArray[np.float64]], float],
        table: npt.NDArray[np.float64],
    ) -> None:
        low, high = bootstrap_interval(table, statistic, seed)
        rows.append(
            EvaluationRow(
                measure=measure, value=round(statistic(table), 4), low=low, high=high, unit=unit
            )
        )

    for name in STRUCTURES:
        both = np.array([[r.dice[f"{name}_{phase}"] for phase in PHASES] for r in results])
        add(f"Dice {name}, mean of ED and ES", "", lambda t: float(t.mean()), both)
        for k, phase in enumerate(PHASES):
            add(f"Dice {name} {phase}", "", lambda t: float(t.mean()), both[:, k : k + 1])
    for key, unit in _UNITS.items():
        pairs = np.array([[r.true[key], r.measured[key]] for r in results])
        add(f"{key} mean absolute error", unit, _mean_absolute_error, pairs)
        add(f"{key} bias", unit, lambda t: float((t[:, 1] - t[:, 0]).mean()), pairs)
        add(f"{key} SD of the error", unit, lambda t: float((t[:, 1] - t[:, 0]).std()), pairs)
        add(f"{key} root mean square error", unit, _root_mean, (pairs[:, 1:] - pairs[:, :1]) ** 2)
        if len(results) >= _MINIMUM_FOR_CORRELATION and (pairs.std(axis=0) > 0).all():
            add(f"{key} correlation", "", _correlation, pairs)
    for key in _WALLS:
        squares = [
            [r.wall_square_error_mm2[key]] for r in results if key in r.wall_square_error_mm2
        ]
        if squares:
            add(f"{key} root mean square error", "mm", _root_mean, np.array(squares))
    failures = np.array([[float(r.gross_failure)] for r in results])
    add("share with a gross failure", "", lambda t: float(t.mean()), failures)
    refused = np.array([[float(r.refused is not None)] for r in results])
    add("share refused", "", lambda t: float(t.mean()), refused)
    add(
        "share with a gross failure that was not refused",
        "",
        lambda t: float(t.mean()),
        failures * (1.0 - refused),
    )
    return tuple(rows)


def bootstrap_interval(
    table: npt.NDArray[np.float64],
    statistic: Callable[[npt.NDArray[np.float64]], float],
    seed: int,
) -> tuple[float | None, float | None]:
    """95 % percentile interval of a statistic; rows (patients) are drawn with replacement.

    Draws in which the statistic has no value are left out; None when none has.
    """
    rng = np.random.default_rng(seed)
    n = len(table)
    drawn = (statistic(table[rng.integers(n, size=n)]) for _ in range(_RESAMPLES))
    values = [value for value in drawn if np.isfinite(value)]
    if not values:
        return None, None
    low, high = np.percentile(values, (2.5, 97.5))
    return round(float(low), 4), round(float(high), 4)


def write_tables(
    results: Sequence[PatientResult], rows: Sequence[EvaluationRow], folder: Path
) -> None:
    """Write ``patients.csv`` and ``evaluation.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = [
        {
            "patient": r.patient,
            "group": r.group,
            **{f"dice_{key}": round(value, 4) for key, value in r.dice.items()},
            **{f"true_{key}": round(value, 2) for key, value in r.true.items()},
            **{f"measured_{key}": round(value, 2) for key, value in r.measured.items()},
            **{
                f"{key}_square_error_mm2": round(r.wall_square_error_mm2.get(key, float("nan")), 2)
                for key in _WALLS
            },
            "gross_failure": r.gross_failure,
            "refused": r.refused or "",
        }
        for r in results
    ]
    with (folder / "patients.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    document = {
        "summary": [row.model_dump() for row in rows],
        "patients": [dataclasses.asdict(r) for r in results],
    }
    (folder / "evaluation.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


_UNITS = {
    "lvef_percent": "points",
    "lvedv_ml": "ml",
    "lvesv_ml": "ml",
    "lv_mass_g": "g",
    "rvef_percent": "points",
    "rvedv_ml": "ml",
    "rvesv_ml": "ml",
}

_WALLS = ("wall_thickness_ed", "wall_thickness_es", "maximal_wall_thickness")


def _wall_square_error_mm2(
    truth: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], stack: CineStack
) -> dict[str, float]:
    """Compare wall thickness; sectors lie alike in both drawings, wherever the septum is."""
    drawn = [[phase_walls(phase, stack) for phase in drawing] for drawing in (truth, labels)]
    errors: dict[str, float] = {}
    for k, name in enumerate(_WALLS[: len(PHASES)]):
        true, measured = (segment_thickness_mm(phases[k], 0.0) for phases in drawn)
        both = sorted(true.keys() & measured.keys())
        if both:
            errors[name] = float(np.mean([(measured[n] - true[n]) ** 2 for n in both]))
    greatest = [maximal_thickness_mm(phases[0]) for phases in drawn]
    if greatest[0] is not None and greatest[1] is not None:
        errors[_WALLS[-1]] = (greatest[1] - greatest[0]) ** 2
    return errors


def _volumes(labels: npt.NDArray[np.uint8], stack: CineStack) -> dict[str, float]:
    discs = disc_volumes_ml(labels, stack)
    (lv_ed, lv_es), (rv_ed, rv_es) = discs.lv_ml.tolist(), discs.rv_ml.tolist()
    return {
        "lvef_percent": _ejection_fraction(lv_ed, lv_es),
        "lvedv_ml": lv_ed,
        "lvesv_ml": lv_es,
        "lv_mass_g": mass_g(float(discs.myocardium_ml[0])),
        "rvef_percent": _ejection_fraction(rv_ed, rv_es),
        "rvedv_ml": rv_ed,
        "rvesv_ml": rv_es,
    }


def _ejection_fraction(end_diastolic_ml: float, end_systolic_ml: float) -> float:
    """Ejection fraction; 0 where nothing was found, which counts as the error it is."""
    if end_diastolic_ml <= 0:
        return 0.0
    return ejection_fraction_percent(end_diastolic_ml, end_systolic_ml)


def _mean_absolute_error(pairs: npt.NDArray[np.float64]) -> float:
    return float(np.abs(pairs[:, 1] - pairs[:, 0]).mean())


def _root_mean(squares: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(squares.mean()))


def _correlation(pairs: npt.NDArray[np.float64]) -> float:
    if pairs[:, 0].std() == 0 or pairs[:, 1].std() == 0:
        return float("nan")
    return float(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1])
