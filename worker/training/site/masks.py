"""Masks that people drew, from NIfTI files beside the DICOM images of their study.

One file per phase, ``mask_phase01.nii.gz`` (or ``.nii``), the phase counted from 1 in the order of
trigger times; labels 1 RV cavity, 2 LV myocardium, 3 LV cavity, in patient coordinates, on any
grid. A mask is sampled at the pixels of the images and never shifted; one that lies mostly outside
them is refused, one that is a little off cannot be told.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from worker.training.cohorts import LabelledVolume
from worker.training.site.studies import FoundStudy, SiteStudy, volume_of
from worker.volume.types import CineStack

_NAME = re.compile(r"mask_phase(\d{1,3})\.nii(?:\.gz)?$")
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LABELS = frozenset({0, 1, 2, 3})
_LV = (2, 3)
SMALLEST_SHARE = 0.6
"""Of a mask's volume that must be found again in the images."""


class MaskError(Exception):
    """A mask cannot be used; the message says why and names no patient."""


def shared_masks(studies: Iterable[FoundStudy]) -> frozenset[Path]:
    """Return the masks that lie beside more than one study: whose they are cannot be told."""
    beside = (mask_files(sorted({path.parent for path in one.paths})) for one in studies)
    taken = Counter(path for files in beside for path in files.values())
    return frozenset(path for path, n_studies in taken.items() if n_studies > 1)


def mask_files(folders: Iterable[Path]) -> dict[int, Path]:
    """Return the masks of a study by phase index, from the folders of its images."""
    found: dict[int, Path] = {}
    for folder in folders:
        for place in (folder, folder.parent):
            for path in sorted(place.glob("mask_phase*.nii*")):
                match = _NAME.fullmatch(path.name)
                if match:
                    found.setdefault(int(match[1]) - 1, path)
    return found


def masked_volumes(
    study: SiteStudy, shared: frozenset[Path] = frozenset()
) -> Iterator[LabelledVolume]:
    """Yield the phases that have a mask; the opposite end of the beat is the other mask's phase.

    Parameters
    ----------
    shared
        Masks that are of several studies, so of none.

    Raises
    ------
    MaskError
        A mask is shared, is of a phase that is not there, holds other labels or lies beside the
        images.
    """
    files = mask_files(study.folders)
    if not shared.isdisjoint(files.values()):
        msg = "with one mask for several studies"
        raise MaskError(msg)
    labels = {phase: read_mask(path, study.stack, phase) for phase, path in files.items()}
    for phase, drawn in labels.items():
        others = [other for other in labels if other != phase]
        half = (phase + study.stack.n_phases // 2) % study.stack.n_phases
        yield volume_of(study, phase, others[0] if others else half, drawn)


def read_mask(path: Path, stack: CineStack, phase: int) -> npt.NDArray[np.uint8]:
    """Sample a mask at the pixels of a stack: uint8 ``[slice, row, column]``.

    Raises
    ------
    MaskError
        See `masked_volumes`.
    """
    if not 0 <= phase < stack.n_phases:
        msg = f"phase {phase + 1} of {stack.n_phases}"
        raise MaskError(msg)
    try:
        stored = nib.nifti1.Nifti1Image.from_filename(path)
        values = np.rint(np.asarray(stored.dataobj)).astype(np.int64)
        affine = np.asarray(stored.affine, dtype=np.float64)
    except (OSError, ValueError, nib.filebasedimages.ImageFileError) as error:
        msg = "not a readable NIfTI file"
        raise MaskError(msg) from error
    if values.ndim != 3 or not set(np.unique(values)) <= _LABELS:  # noqa: PLR2004 - a volume
        msg = "not a volume of the labels 0 to 3"
        raise MaskError(msg)
    labels = _sampled(values, affine, stack)
    _require_same_size(values, affine, labels, stack)
    return labels


def _sampled(
    values: npt.NDArray[np.int64], affine: npt.NDArray[np.float64], stack: CineStack
) -> npt.NDArray[np.uint8]:
    """Take the nearest voxel of the mask for each pixel of the stack."""
    n_rows, n_columns = stack.pixels.shape[2:]
    to_voxel = np.linalg.inv(affine) @ _LPS_TO_RAS
    rows, columns = np.mgrid[:n_rows, :n_columns]
    in_plane = np.stack([columns, rows], axis=-1) @ stack.affine[:3, :2].T
    labels = np.zeros((stack.n_slices, n_rows, n_columns), dtype=np.uint8)
    for z, origin in enumerate(stack.slice_origins_mm):
        points = in_plane + origin
        voxel = np.rint(points @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.int64)
        inside = ((voxel >= 0) & (voxel < values.shape)).all(axis=-1)
        i, j, k = np.moveaxis(voxel[inside], -1, 0)
        labels[z][inside] = values[i, j, k]
    return labels


def _require_same_size(
    values: npt.NDArray[np.int64],
    affine: npt.NDArray[np.float64],
    labels: npt.NDArray[np.uint8],
    stack: CineStack,
) -> None:
    """Refuse a mask of which much of the ventricle gets lost: it lies mostly outside the images.

    One that is shifted or mirrored inside the field, or of another patient, gets through.
    """
    drawn_mm3 = int(np.isin(values, _LV).sum()) * abs(float(np.linalg.det(affine[:3, :3])))
    found_mm3 = int(np.isin(labels, _LV).sum()) * stack.pixel_area_mm2 * stack.slice_spacing_mm
    if not drawn_mm3 or found_mm3 < SMALLEST_SHARE * drawn_mm3:
        msg = "the mask is empty or does not lie on the images"
        raise MaskError(msg)
