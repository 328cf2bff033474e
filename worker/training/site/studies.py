"""A hospital's folder of DICOM turned into training volumes: one way for all site training.

Studies are told apart by their Study Instance UID, whatever the folders; each goes through the same
selection and checks as in the product, and is scaled as there. Nothing that names a patient leaves
this file: a study is called by a hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from plugin.domain.errors import Reason, StudyRejectedError
from worker.model.intensity import scale_intensities
from worker.training.cohorts import LabelledVolume
from worker.volume import load_study
from worker.volume.types import CineStack


@dataclass(frozen=True, slots=True, eq=False)
class SiteStudy:
    """One study whose short-axis cine can be used.

    Attributes
    ----------
    name
        Made of a hash, the same on every run.
    images
        The pixels of the stack, scaled for the network.
    folders
        Where its files lie.
    """

    name: str
    stack: CineStack
    images: npt.NDArray[np.float32]
    folders: tuple[Path, ...]


def read_studies(folder: Path, left_out: Counter[Reason]) -> Iterator[SiteStudy]:
    """Read the studies below a folder one by one; count why others were left out."""
    for uid, paths in sorted(files_by_study(folder).items()):
        try:
            stack = load_study(paths).stack
        except StudyRejectedError as error:
            left_out[error.reason] += 1
            continue
        folders = tuple(sorted({path.parent for path in paths}))
        yield SiteStudy(study_name(uid), stack, scale_intensities(stack.pixels), folders)


def study_name(study_instance_uid: str) -> str:
    """Return what a study is called here: of a hash, the same on every run."""
    return f"study-{hashlib.sha256(study_instance_uid.encode()).hexdigest()[:8]}"


def at_phases(stack: CineStack, phases: Sequence[int]) -> CineStack:
    """Return the stack with some of its phases only."""
    chosen = list(phases)
    return replace(
        stack,
        pixels=stack.pixels[chosen],
        trigger_times_ms=stack.trigger_times_ms[chosen],
        frames=tuple(stack.frames[phase] for phase in chosen) if stack.frames else (),
    )


def volume_of(
    study: SiteStudy, phase: int, opposite: int, labels: npt.NDArray[np.uint8] | None = None
) -> LabelledVolume:
    """Return one phase as a training volume, beside the other end of the beat.

    Parameters
    ----------
    labels
        ``[slice, row, column]``; all background where nothing is known.
    """
    stack, images = study.stack, study.images
    return LabelledVolume(
        study.name,
        str(phase),
        images[phase].copy(),  # so that the other phases need not stay in memory
        np.zeros(images.shape[1:], np.uint8) if labels is None else labels,
        (stack.row_spacing_mm, stack.column_spacing_mm),
        opposite=images[opposite].copy(),
    )


def describe_left_out(left_out: Counter[Reason]) -> str:
    """Say in a few words why studies were left out: ``2 no_short_axis_cine, 1 not_mr``."""
    return ", ".join(f"{n} {reason.value}" for reason, n in left_out.most_common())


def files_by_study(folder: Path) -> dict[str, list[Path]]:
    """Return the DICOM files below a folder by Study Instance UID, whatever the folders."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.name == "DICOMDIR":
            continue
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
        except (InvalidDicomError, OSError, ValueError):
            continue
        uid = str(header.get("StudyInstanceUID", ""))
        if uid:
            found.setdefault(uid, []).append(path)
    return found
