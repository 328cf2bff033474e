"""Studies as they should not be: small transformations of a generated study's instances.

Each function takes the instances of a study (classic MR images as `study.build_study` makes them)
and returns new ones; the argument is left as it was. What should become of each is the business of
whoever receives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage

Instances = list[Dataset]

GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceLocation")
TIMING = (
    "TriggerTime",
    "NominalInterval",
    "HeartRate",
    "CardiacNumberOfImages",
    "TemporalPositionIdentifier",
    "NumberOfTemporalPositions",
)


def _copies(instances: Iterable[Dataset]) -> Instances:
    return [deepcopy(instance) for instance in instances]


def _new_uid(instance: Dataset, salt: int) -> None:
    """Give an instance another SOP Instance UID that follows from the old one."""
    number = (int(str(instance.SOPInstanceUID).removeprefix("2.25.")) + salt) % 2**128
    instance.SOPInstanceUID = UID(f"2.25.{number}")
    instance.file_meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID


def _by_slice(instances: Iterable[Dataset]) -> list[Instances]:
    """Group instances by position, the groups in the order of their first instance."""
    groups: dict[tuple[float, ...], Instances] = {}
    for instance in instances:
        key = tuple(float(v) for v in instance.ImagePositionPatient)
        groups.setdefault(key, []).append(instance)
    return list(groups.values())


def _pixels(instance: Dataset) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    return np.frombuffer(instance.PixelData, "<u2").reshape(instance.Rows, instance.Columns)


def _leave_out(instance: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        if keyword in instance:
            delattr(instance, keyword)


def truncate_file(path: Path, share: float = 0.6) -> None:
    """Cut a written file off after a share of its bytes, in place."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def as_ct(instances: Instances) -> Instances:
    """Claim to be a CT study."""
    changed = _copies(instances)
    for instance in changed:
        instance.Modality = "CT"
        instance.SOPClassUID = instance.file_meta.MediaStorageSOPClassUID = CTImageStorage
        instance.StudyDescription, instance.SeriesDescription = "CT chest", "Thorax 1.0"
        _leave_out(instance, (*TIMING, "ScanningSequence", "SequenceVariant", "ScanOptions"))
        instance.KVP, instance.RescaleIntercept, instance.RescaleSlope = "120", "-1024", "1"
    return changed


def as_brain(instances: Instances) -> Instances:
    """Claim to be a brain MR study: one phase of each slice, spin echo, no cardiac timing."""
    changed = _copies(group[0] for group in _by_slice(instances))
    for number, instance in enumerate(changed, start=1):
        instance.BodyPartExamined, instance.StudyDescription = "BRAIN", "MR brain"
        instance.SeriesDescription = instance.ProtocolName = "t2_tse_tra"
        instance.ScanningSequence, instance.SequenceVariant = "SE", "SK"
        instance.ScanOptions, instance.SequenceName = "FC", "*tse2d1_15"
        instance.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
        instance.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        instance.ImagePositionPatient = ["-110", "-130", f"{5.0 * number:g}"]
        instance.SliceLocation = f"{5.0 * number:g}"
        _leave_out(instance, TIMING)
    return changed


def only_one_slice(instances: Instances) -> Instances:
    """Keep all phases of the middle slice."""
    groups = _by_slice(instances)
    return _copies(groups[len(groups) // 2])


def only_two_phases(instances: Instances) -> Instances:
    """Keep the first and the middle phase of every slice."""
    kept = []
    for group in _by_slice(instances):
        kept += [group[0], group[len(group) // 2]]
    changed = _copies(kept)
    for instance in changed:
        if "CardiacNumberOfImages" in instance:
            instance.CardiacNumberOfImages = 2
    return changed


def without_geometry(instances: Instances) -> Instances:
    """Leave out position, orientation and pixel spacing."""
    changed = _copies(instances)
    for instance in changed:
        _leave_out(instance, GEOMETRY)
    return changed


def without_timing(instances: Instances) -> Instances:
    """Leave out every cardiac timing attribute."""
    changed = _copies(instances)
    for instance in changed:
        _leave_out(instance, TIMING)
    return changed


def with_non_square_pixels(instances: Instances) -> Instances:
    """Keep every second column: true pixels twice as wide as high."""
    changed = _copies(instances)
    for instance in changed:
        image = _pixels(instance)[:, ::2]
        instance.PixelData = image.tobytes()
        instance.Columns = image.shape[1]
        row_mm, column_mm = (float(v) for v in instance.PixelSpacing)
        instance.PixelSpacing = [f"{row_mm:.8g}", f"{2.0 * column_mm:.8g}"]
    return changed


def with_zero_spacing(instances: Instances) -> Instances:
    """Claim pixels without extent."""
    changed = _copies(instances)
    for instance in changed:
        instance.PixelSpacing = ["0", "0"]
    return changed


def with_duplicate_uids(instances: Instances, n: int = 3) -> Instances:
    """Send the first ``n`` instances again, the same UIDs with other pixels."""
    changed = _copies(instances)
    again = _copies(instances[:n])
    for instance in again:
        instance.PixelData = (_pixels(instance)[::-1] // 2).astype("<u2").tobytes()
    return changed + again


def with_mixed_patients(instances: Instances) -> Instances:
    """Put the second half under another patient, the study UID unchanged."""
    changed = _copies(instances)
    for instance in changed[len(changed) // 2 :]:
        instance.PatientName, instance.PatientID = "GENERATED^Somebody else", "GENERATED-OTHER"
        instance.PatientBirthDate = "19500101"
    return changed


def with_missing_slice(instances: Instances) -> Instances:
    """Lose the slice in the middle of the stack."""
    groups = _by_slice(instances)
    kept = groups[: len(groups) // 2] + groups[len(groups) // 2 + 1 :]
    return _copies(instance for group in kept for instance in group)


def with_missing_instances(instances: Instances, n: int = 1) -> Instances:
    """Lose the last ``n`` phases of the middle slice."""
    groups = _by_slice(instances)
    del groups[len(groups) // 2][-n:]
    return _copies(instance for group in groups for instance in group)


def with_different_phase_counts(instances: Instances) -> Instances:
    """Every second slice has only every second phase, as after an arrhythmia."""
    kept: Instances = []
    for number, group in enumerate(_by_slice(instances)):
        kept += group[::2] if number % 2 else group
    return _copies(kept)


def with_mixed_spacing(instances: Instances) -> Instances:
    """Move the apical half of the stack 4 mm further along its normal."""
    changed = _copies(instances)
    groups = _by_slice(changed)
    first, last = groups[0][0], groups[-1][0]
    along = np.subtract(last.ImagePositionPatient, first.ImagePositionPatient).astype(float)
    step = 4.0 * along / np.linalg.norm(along)
    for group in groups[len(groups) // 2 :]:
        for instance in group:
            position = np.asarray(instance.ImagePositionPatient, dtype=float) + step
            instance.ImagePositionPatient = [f"{v:.8g}" for v in position]
    return changed


def with_repeated_slice(instances: Instances) -> Instances:
    """Acquire the middle slice a second time, two minutes later, brighter."""
    changed = _copies(instances)
    groups = _by_slice(changed)
    again = _copies(groups[len(groups) // 2])
    for instance in again:
        _new_uid(instance, 1)
        instance.AcquisitionNumber = int(instance.AcquisitionNumber) + 100
        later = f"{int(str(instance.AcquisitionTime)[:6]) + 200:06d}"
        instance.AcquisitionTime = instance.ContentTime = later
        brighter = np.minimum(_pixels(instance).astype(np.uint32) * 6 // 5, 4095)
        instance.PixelData = brighter.astype("<u2").tobytes()
    return changed + again


def shuffled(instances: Instances, seed: int = 0) -> Instances:
    """Arrive in any order."""
    changed = _copies(instances)
    order = np.random.default_rng(seed).permutation(len(changed))
    return [changed[i] for i in order]


def standing_still(instances: Instances) -> Instances:
    """Show the first phase of each slice at every time: a heart that does not beat."""
    changed = _copies(instances)
    for group in _by_slice(changed):
        for instance in group[1:]:
            instance.PixelData = group[0].PixelData
    return changed


BROKEN: dict[str, Callable[[Instances], Instances]] = {
    function.__name__: function
    for function in (
        as_ct,
        as_brain,
        only_one_slice,
        only_two_phases,
        without_geometry,
        without_timing,
        with_non_square_pixels,
        with_zero_spacing,
        with_duplicate_uids,
        with_mixed_patients,
        with_missing_slice,
        with_missing_instances,
        with_different_phase_counts,
        with_mixed_spacing,
        with_repeated_slice,
        shuffled,
        standing_still,
    )
}
"""Every transformation by name."""
