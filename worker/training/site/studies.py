"""A hospital's folder of DICOM turned into training volumes: one way for all site training.

Studies are told apart by their Study Instance UID, patients by their Patient ID, whatever the
folders; each study goes through the same selection and checks as in the product, and is scaled as
there. Nothing that names a patient leaves this file: studies and patients are called by a hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from plugin.domain.errors import ConfigurationError, Reason, StudyRejectedError
from worker.model.intensity import scale_intensities
from worker.training.cohorts import LabelledVolume
from worker.volume import load_study
from worker.volume.types import CineStack

_IDENTIFIERS = ["StudyInstanceUID", "PatientID"]


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """The DICOM files of one study.

    Attributes
    ----------
    name, patient
        Made of hashes, the same on every run.
    """

    name: str
    patient: str
    paths: tuple[Path, ...]


class OfPatient(Protocol):
    """What came from one patient."""

    @property
    def patient(self) -> str:
        """Return whose it is, as `FoundStudy` calls them."""
        ...


T = TypeVar("T", bound=OfPatient)


@dataclass(frozen=True, slots=True, eq=False)
class SiteStudy:
    """One study whose short-axis cine can be used.

    Attributes
    ----------
    name, patient
        Made of hashes, the same on every run.
    images
        The pixels of the stack, scaled for the network.
    folders
        Where its files lie.
    """

    name: str
    patient: str
    stack: CineStack
    images: npt.NDArray[np.float32]
    folders: tuple[Path, ...]


def read_studies(folder: Path, left_out: Counter[Reason]) -> Iterator[SiteStudy]:
    """Read the studies below a folder one by one; count why others were left out."""
    for found in find_studies(folder):
        try:
            stack = load_study(found.paths).stack
        except StudyRejectedError as error:
            left_out[error.reason] += 1
            continue
        folders = tuple(sorted({path.parent for path in found.paths}))
        images = scale_intensities(stack.pixels)
        yield SiteStudy(found.name, found.patient, stack, images, folders)


def keep_apart(found: Sequence[T], share: float) -> tuple[list[T], list[T]]:
    """Part studies into those that are kept apart and those to be learnt from, patient by patient.

    Whole patients are kept apart, those with the fewest studies first, as many as ``share`` of the
    studies holds, and one at least.

    Raises
    ------
    ConfigurationError
        ``TOO_FEW_STUDIES``: all are of one patient.
    """
    apart: set[str] = set()
    n_left = max(1, round(len(found) * share))
    for patient, n_studies in reversed(Counter(one.patient for one in found).most_common()):
        if apart and n_studies > n_left:
            break
        apart.add(patient)
        n_left -= n_studies
    learnt = [one for one in found if one.patient not in apart]
    if not learnt:
        detail = f"{len(found)} studies of one patient; others must be kept apart"
        raise ConfigurationError(Reason.TOO_FEW_STUDIES, detail)
    return [one for one in found if one.patient in apart], learnt


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


def find_studies(folder: Path) -> list[FoundStudy]:
    """Return the studies below a folder in order of their Study Instance UID.

    A study without a Patient ID counts as a patient of its own; so do all of them where no two IDs
    differ, because that is what an anonymiser wrote.
    """
    files: dict[str, list[Path]] = {}
    ids: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.name == "DICOMDIR":
            continue
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=_IDENTIFIERS)
        except (InvalidDicomError, OSError, ValueError):
            continue
        uid = str(header.get("StudyInstanceUID", ""))
        if uid:
            files.setdefault(uid, []).append(path)
            ids[uid] = ids.get(uid) or str(header.get("PatientID") or "").strip()
    told = len({one for one in ids.values() if one}) > 1
    return [
        FoundStudy(
            _called("study", uid), _called("patient", (told and ids[uid]) or uid), tuple(paths)
        )
        for uid, paths in sorted(files.items())
    ]


def _called(kind: str, identifier: str) -> str:
    return f"{kind}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"
