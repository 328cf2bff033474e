"""The labelled hearts on disk, read into plain arrays, and who belongs to which split.

Reads ACDC (NIfTI, all four classes) and the Sunnybrook PNG export (LV cavity only). It scales
intensities the way the runtime does and chooses nobody: the splits are in `splits.toml`.

References
----------
Bernard et al., IEEE TMI 37(11):2514-2525, 2018. Radau et al., MIDAS Journal 2009.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.model.intensity import scale_intensities
from worker.model.resample import resample, resampled_size, resampling_matrix

FINEST_SPACING_MM = 1.0
SUNNYBROOK_SPACING_MM = 1.3
_SUNNYBROOK_FRAMES_PER_SLICE = 20


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVolume:
    """One phase of one heart.

    Attributes
    ----------
    images
        Scaled float32 ``[slice, row, column]``, slice 0 at the base (ACDC) or unknown (Sunnybrook).
    labels
        uint8 of the same shape: 0 background, 1 RV cavity, 2 LV myocardium, 3 LV cavity.
    spacing_mm
        Row and column spacing.
    lv_only
        Only class 3 was drawn.
    opposite
        Images of the same slices at the other end of the beat; None where they are not known.
    """

    patient: str
    phase: str
    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    lv_only: bool = False
    opposite: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class AcdcInfo:
    """What ``Info.cfg`` says: frames counted from 1."""

    ed_frame: int
    es_frame: int
    group: str
    height_cm: float
    weight_kg: float


@dataclass(frozen=True, slots=True)
class Splits:
    """Patient ids; ``monitor`` is the inner split of those that are not for validation."""

    validation: tuple[str, ...]
    monitor: tuple[str, ...]


def read_splits() -> Splits:
    """Return the splits committed beside this module."""
    text = resources.files(__package__).joinpath("splits.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return Splits(tuple(table["validation"]), tuple(table["monitor"]))


def choose_splits(groups: dict[str, str], seed: int, forced: Sequence[str]) -> Splits:
    """Draw 4 validation and 2 monitoring patients of each group.

    Parameters
    ----------
    groups
        Group of each patient id.
    seed
        Seed of the draw.
    forced
        Ids that must be among the validation patients.
    """
    rng = np.random.default_rng(seed)
    validation: list[str] = []
    monitor: list[str] = []
    for group in sorted(set(groups.values())):
        members = sorted(p for p, g in groups.items() if g == group)
        fixed = [p for p in members if p in forced]
        drawn = fixed + [p for p in rng.permutation(members).tolist() if p not in fixed]
        validation += drawn[:4]
        monitor += drawn[4:6]
    return Splits(tuple(sorted(validation)), tuple(sorted(monitor)))


def read_acdc_info(folder: Path) -> AcdcInfo:
    """Parse ``Info.cfg`` of an ACDC patient folder."""
    lines = (folder / "Info.cfg").read_text(encoding="ascii").splitlines()
    table = dict(line.split(": ", 1) for line in lines if ": " in line)
    return AcdcInfo(
        int(table["ED"]),
        int(table["ES"]),
        table["Group"].strip(),
        float(table["Height"]),
        float(table["Weight"]),
    )


def acdc_patients(directory: Path) -> list[Path]:
    """Return the patient folders of an ACDC directory, sorted."""
    return sorted(p.parent for p in directory.glob("patient*/Info.cfg"))


def read_acdc_frame(
    folder: Path, frame: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], tuple[float, float, float]]:
    """Read one frame and its mask as stored values.

    NIfTI stores ``[x, y, z]``; transposed, the slices show the usual view. Affines of this data
    set carry no orientation.

    Returns
    -------
    tuple
        Pixels and labels ``[slice, row, column]``; row, column and slice spacing in mm.
    """
    stem = f"{folder.name}_frame{frame:02d}"
    image = nib.nifti1.Nifti1Image.from_filename(folder / f"{stem}.nii.gz")
    truth = nib.nifti1.Nifti1Image.from_filename(folder / f"{stem}_gt.nii.gz")
    pixels = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)
    labels = np.rint(np.asarray(truth.dataobj)).astype(np.uint8).transpose(2, 1, 0)
    column_mm, row_mm, slice_mm = (float(v) for v in image.header["pixdim"][1:4])
    return np.ascontiguousarray(pixels), np.ascontiguousarray(labels), (row_mm, column_mm, slice_mm)


def read_acdc(directory: Path, patients: Sequence[str]) -> list[LabelledVolume]:
    """Read both phases of the named patients, scaled, no finer than 1 mm; each knows the other."""
    volumes: list[LabelledVolume] = []
    for patient in patients:
        info = read_acdc_info(directory / patient)
        both: list[LabelledVolume] = []
        for phase, frame in (("ED", info.ed_frame), ("ES", info.es_frame)):
            pixels, labels, (row_mm, column_mm, _) = read_acdc_frame(directory / patient, frame)
            volume = LabelledVolume(
                patient, phase, scale_intensities(pixels), labels, (row_mm, column_mm)
            )
            both.append(_no_finer_than(volume, FINEST_SPACING_MM))
        relaxed, contracted = both
        volumes += [
            replace(relaxed, opposite=contracted.images),
            replace(contracted, opposite=relaxed.images),
        ]
    return volumes


def read_sunnybrook(directory: Path) -> list[LabelledVolume]:
    """Read the Sunnybrook slices as runs of neighbouring slices of one phase.

    File numbers count 20 frames per slice, so the same phase of the next slice is 20 further on.
    Which end is the base is not known; augmentation flips neighbours anyway.
    """
    by_patient: dict[str, dict[int, Path]] = {}
    for path in sorted((directory / "images").glob("*.png")):
        match = re.match(r"(.+)-(\d+)\.dcm\.png$", path.name)
        if match:
            by_patient.setdefault(match[1], {})[int(match[2])] = path
    volumes: list[LabelledVolume] = []
    for patient, frames in by_patient.items():
        for run in _runs(sorted(frames)):
            pixels = np.stack([_grey(frames[n]) for n in run])
            masks = np.stack([_grey(directory / "labels" / frames[n].name) for n in run])
            labels = np.where(masks > 127, 3, 0).astype(np.uint8)  # noqa: PLR2004 - half of 255
            spacing = (SUNNYBROOK_SPACING_MM, SUNNYBROOK_SPACING_MM)
            scaled = scale_intensities(pixels)
            volumes.append(
                LabelledVolume(patient, f"{run[0]}", scaled, labels, spacing, lv_only=True)
            )
    return volumes


def _runs(numbers: list[int]) -> list[list[int]]:
    left = set(numbers)
    runs: list[list[int]] = []
    for start in numbers:
        if start in left:
            run = [start]
            while run[-1] + _SUNNYBROOK_FRAMES_PER_SLICE in left:
                run.append(run[-1] + _SUNNYBROOK_FRAMES_PER_SLICE)
            left -= set(run)
            runs.append(run)
    return runs


def _grey(path: Path) -> npt.NDArray[np.float32]:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float32)


def _no_finer_than(volume: LabelledVolume, spacing_mm: float) -> LabelledVolume:
    row_mm, column_mm = volume.spacing_mm
    if min(row_mm, column_mm) >= spacing_mm:
        return volume
    n_rows = resampled_size(volume.images.shape[1], row_mm, spacing_mm)
    n_columns = resampled_size(volume.images.shape[2], column_mm, spacing_mm)
    rows = resampling_matrix(volume.images.shape[1], n_rows, spacing_mm / row_mm)
    columns = resampling_matrix(volume.images.shape[2], n_columns, spacing_mm / column_mm)
    one_hot = np.stack([(volume.labels == c).astype(np.float32) for c in range(4)])
    labels = resample(one_hot, rows, columns).argmax(axis=0).astype(np.uint8)
    images = resample(volume.images, rows, columns)
    return LabelledVolume(
        volume.patient, volume.phase, images, labels, (spacing_mm, spacing_mm), volume.lv_only
    )
