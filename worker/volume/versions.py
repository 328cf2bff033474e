"""The same SOP Instance UID with different pixels: rare, wrong, and worth a sentence."""

from pathlib import Path

import numpy as np
from pydicom.pixels.utils import pixel_array

from worker.series import attributes as read
from worker.volume.files import StudyHeaders, faults_of_storage
from worker.volume.pixels import UNDECODABLE
from worker.volume.plan import StackPlan
from worker.volume.types import StackNote


def note_differing_versions(plan: StackPlan, study: StudyHeaders) -> list[StackNote]:
    """Say how many used images came with other pixels under the same UID as well."""
    n_different = 0
    for instance in {frame.instance for row in plan.frames for frame in row}:
        older = study.older_versions.get(instance.sop_instance_uid, ())
        if instance.path is not None and any(_differ(instance.path, path) for path in older):
            n_different += 1
    if not n_different:
        return []
    return [
        StackNote(
            "duplicate_uid",
            f"{n_different} image(s) came twice with different pixels under one SOP Instance UID; "
            "the newest was used.",
        )
    ]


def _differ(one: Path, other: Path) -> bool:
    with read.without_complaints():
        try:
            with faults_of_storage():
                return not np.array_equal(pixel_array(one, raw=True), pixel_array(other, raw=True))
        except UNDECODABLE:
            return True
