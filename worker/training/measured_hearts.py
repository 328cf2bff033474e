"""Every patient measured by the tower of his fold, which never saw him, and by the expert's masks.

The road is the runtime's: exported graph, ``SegmentationTower``, the product's volumes and
features. Only end-diastole and end-systole exist on disk, so which phases they are is given, not
found. Results go into a file line by line; what a tower measured is not measured by it again.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError
from worker.bundle import load_bundle
from worker.bundle.verify import MANIFEST_NAME
from worker.findings.pattern_features import pattern_features
from worker.findings.volumes import (
    body_surface_area_m2,
    disc_volumes_ml,
    ejection_fraction_percent,
)
from worker.model.tower import SegmentationTower
from worker.training.cohorts import read_acdc_info
from worker.training.evaluate import Case, read_cases
from worker.training.export import BundleText, write_bundle
from worker.training.folds import N_FOLDS, fold_folder, read_folds
from worker.training.hearts import HEARTS_FILE, MeasuredHeart, read_hearts
from worker.training.recipe import Recipe
from worker.training.rows import add_row, drop_a_line_cut_short
from worker.training.train import CHECKPOINT_FILE, load_average

BUNDLE_FOLDER = "bundle"
_FOLD_VERSION = "0.0.1"


def measure_folds(
    acdc: Path, work: Path, released: Path, *, threads: int = 0
) -> Iterator[MeasuredHeart]:
    """Measure the patients of every fold that its tower did not measure yet; write each down.

    A fold without a tower is measured by the experts' masks alone, until it has one. Which tower it
    was is told by the digest of its bundle.

    Parameters
    ----------
    released
        Bundle whose tower is that of the first fold, unless ``fold-1`` has a checkpoint of its own.
    """
    path = work / HEARTS_FILE
    drop_a_line_cut_short(path)
    known = {heart.patient: heart.digest for heart in read_hearts(path)}
    for fold in range(1, N_FOLDS + 1):
        folder = _bundle_folder(work, fold, released)
        bundle = None if folder is None else load_bundle(folder)
        missing = [
            patient
            for patient in read_folds()[fold - 1]
            if patient not in known or (bundle is not None and known[patient] != bundle.digest)
        ]
        if not missing:
            continue
        tower = None if bundle is None else SegmentationTower(bundle, threads=threads)
        for case in read_cases(acdc, missing):
            heart = measure_patient(tower, acdc, case, fold)
            add_row(path, asdict(heart))
            yield heart


def _bundle_folder(work: Path, fold: int, released: Path) -> Path | None:
    """Return the bundle of a fold's tower, exported when its training is finished; else None."""
    checkpoint = fold_folder(work, fold) / CHECKPOINT_FILE
    if not checkpoint.exists():
        return released if fold == 1 else None
    folder = fold_folder(work, fold) / BUNDLE_FOLDER
    manifest = folder / MANIFEST_NAME
    if manifest.exists() and manifest.stat().st_mtime >= checkpoint.stat().st_mtime:
        return folder
    network, state = load_average(checkpoint)
    recipe = Recipe.model_validate_json(state["recipe"])
    if state["stage"] < len(recipe.stages):
        return None
    text = BundleText(
        name=f"fold-{fold}",
        version=_FOLD_VERSION,
        training_data=f"ACDC training set without the patients of fold {fold}.",
        training_command="cmr-triage train folds",
        spacing_mm=recipe.spacing_mm,
        view_mm=recipe.view_mm,
    )
    write_bundle(network, folder, text)
    return folder


def measure_patient(
    tower: SegmentationTower | None, acdc: Path, case: Case, fold: int
) -> MeasuredHeart:
    """Measure one patient with a tower, if there is one, and by the expert's mask."""
    info = read_acdc_info(acdc / case.patient)
    bsa_m2 = body_surface_area_m2(info.height_cm, info.weight_kg)
    labels = None if tower is None else _labels(tower, case)
    true_lvef = _lvef_percent(case.truth, case)
    return MeasuredHeart(
        patient=case.patient,
        group=case.group,
        fold=fold,
        tower="" if tower is None else f"{tower.bundle.name} {tower.bundle.version}",
        features=_features(labels, case, bsa_m2),
        expert_features=_features(case.truth, case, bsa_m2),
        true_lvef=float("nan") if true_lvef is None else true_lvef,
        lvef=_lvef_percent(labels, case),
        digest="" if tower is None else tower.bundle.digest,
    )


def _labels(tower: SegmentationTower, case: Case) -> npt.NDArray[np.uint8] | None:
    try:
        return tower.segment(case.stack).labels
    except ModelError:
        return None


def _features(
    labels: npt.NDArray[np.uint8] | None, case: Case, bsa_m2: float | None
) -> dict[str, float]:
    if labels is None or bsa_m2 is None:
        return {}
    return pattern_features(labels, case.stack, bsa_m2)


def _lvef_percent(labels: npt.NDArray[np.uint8] | None, case: Case) -> float | None:
    if labels is None:
        return None
    relaxed_ml, contracted_ml = disc_volumes_ml(labels, case.stack).lv_ml.tolist()
    return ejection_fraction_percent(relaxed_ml, contracted_ml) if relaxed_ml > 0.0 else None
