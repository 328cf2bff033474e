"""From a study's files to the stack that is analysed, or to the reason why there is none.

The one road: read headers, make sure that it is one patient's cardiac MR, give series their roles,
plan the stack, decode its pixels. Everything is decided on headers before a pixel is decoded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from plugin.domain.errors import Reason, StudyRejectedError
from worker.clinical import ClinicalContext, read_clinical_context
from worker.series import ClassifiedSeries, Role, SeriesRole, classify, reason_not_analysable
from worker.series import attributes as read
from worker.series.frames import Frame, Instance
from worker.volume.files import StudyHeaders, read_headers
from worker.volume.patient import check_one_patient, patient_context
from worker.volume.pixels import DecodedPixels, decode_plan
from worker.volume.plan import StackPlan
from worker.volume.select import select_stack
from worker.volume.types import CineStack, FrameReference, PatientContext, StackNote
from worker.volume.versions import note_differing_versions
from worker.volume.views import FURTHER_ROLES

_UNREADABLE_SHARE = 0.1
_WHAT_LOSSES_CAUSE = frozenset(
    {
        Reason.TOO_FEW_SLICES,
        Reason.TOO_FEW_PHASES,
        Reason.MISSING_SLICE,
        Reason.MISSING_TIMING,
        Reason.UNREADABLE_PIXELS,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedStudy:
    """A study ready to be analysed.

    Attributes
    ----------
    series
        Role of every series, by Series Instance UID.
    reference
        Header (without pixels) of the first used image: patient and study attributes for the
        report.
    evidence
        Headers of all instances that the stack is made of, by series, then instance number.
    clinical
        What the headers of the whole study tell besides the images; changes no measurement.
    further
        Series that show the heart in other ways, by their headers; `views` reads them on demand.
    input_digest
        SHA-256 of decoded pixels, geometry and timing of the used frames; the same study in
        another transfer syntax, order of arrival or with other demographics has the same one.
    """

    series: tuple[SeriesRole, ...]
    stack: CineStack
    patient: PatientContext
    reference: Dataset
    evidence: tuple[Dataset, ...]
    input_digest: str
    clinical: ClinicalContext
    further: tuple[ClassifiedSeries, ...] = ()


def load_study(paths: Iterable[Path]) -> LoadedStudy:
    """Read the files of one study and make the short-axis cine stack.

    Parameters
    ----------
    paths
        Files in any order; those that are no DICOM images are passed over.

    Raises
    ------
    StudyRejectedError
        With the precise reason why the study cannot be analysed.
    TransientError
        Disk, share or memory failed while files were read; nothing is known of the study.
    """
    with read.without_complaints():
        return _load(read_headers(paths))


def _load(study: StudyHeaders) -> LoadedStudy:
    if not study.headers:
        detail = f"{study.n_unreadable} file(s) looked at"
        raise StudyRejectedError(Reason.NO_READABLE_INSTANCE, detail)
    # Before anything else looks at a text: pydicom would replace what it cannot decode.
    clinical = read_clinical_context(one.header for one in study.headers)
    series = classify([(one.header, one.path) for one in study.headers])
    reason = reason_not_analysable(series)
    if reason is not None:
        raise StudyRejectedError(reason)
    check_one_patient([one.header for one in study.headers])
    plan, decoded, n_unreadable = _decoded_stack(series, without_pixels(series, study))
    notes = [*plan.notes, *note_differing_versions(plan, study)]
    if n_unreadable:
        notes.append(_unreadable_note(n_unreadable))
    evidence = _used_instances(plan)
    reference = plan.frames[0][0].instance.header
    return LoadedStudy(
        series=tuple(one.summary for one in series),
        stack=_stack(plan, decoded, notes),
        patient=patient_context(reference),
        reference=reference,
        evidence=tuple(instance.header for instance in evidence),
        input_digest=decoded.digest,
        clinical=clinical,
        further=tuple(one for one in series if one.role in FURTHER_ROLES),
    )


def _decoded_stack(
    series: Sequence[ClassifiedSeries], empty: frozenset[Frame]
) -> tuple[StackPlan, DecodedPixels, int]:
    """Plan and decode; plan again without frames that cannot be decoded."""
    unusable = empty
    while True:
        try:
            plan = select_stack(series, unusable)
        except StudyRejectedError as error:
            if not unusable or error.reason not in _WHAT_LOSSES_CAUSE:
                raise
            detail = f"{len(unusable)} image(s) cannot be decoded"
            raise StudyRejectedError(Reason.UNREADABLE_PIXELS, detail) from error
        n_used = len({frame for row in plan.frames for frame in row})
        decoded = decode_plan(plan)
        unusable |= decoded.failed
        if len(unusable) > _UNREADABLE_SHARE * n_used:
            detail = f"{len(unusable)} of {n_used} images cannot be decoded"
            raise StudyRejectedError(Reason.UNREADABLE_PIXELS, detail)
        if not decoded.failed:
            return plan, decoded, len(unusable)


def without_pixels(series: Sequence[ClassifiedSeries], study: StudyHeaders) -> frozenset[Frame]:
    """Return short-axis frames that end before their pixels or have no matrix."""
    empty = {one.sop_instance_uid for one in study.headers if not one.has_pixels}
    return frozenset(
        frame
        for one in series
        for frame in one.frames
        if one.role is Role.SHORT_AXIS_CINE
        and (frame.instance.sop_instance_uid in empty or not frame.has_matrix)
    )


def _unreadable_note(n_unreadable: int) -> StackNote:
    return StackNote(
        "unreadable_image",
        f"{n_unreadable} image(s) of the short-axis cine cannot be decoded and were left out.",
    )


def _used_instances(plan: StackPlan) -> list[Instance]:
    used = {frame.instance for row in plan.frames for frame in row}
    return sorted(
        used, key=lambda i: (i.series_instance_uid, i.instance_number, i.sop_instance_uid)
    )


def _stack(plan: StackPlan, decoded: DecodedPixels, notes: Sequence[StackNote]) -> CineStack:
    return CineStack(
        pixels=decoded.pixels,
        affine=plan.affine,
        slice_origins_mm=plan.slice_origins_mm,
        trigger_times_ms=plan.trigger_times_ms,
        frames=tuple(tuple(_reference(frame) for frame in row) for row in plan.frames),
        frame_of_reference_uid=plan.frames[0][0].instance.frame_of_reference_uid,
        rr_interval_ms=plan.rr_interval_ms,
        apex_direction_certain=plan.apex_direction_certain,
        notes=tuple(notes),
    )


def _reference(frame: Frame) -> FrameReference:
    return FrameReference(
        sop_class_uid=frame.instance.sop_class_uid,
        sop_instance_uid=frame.instance.sop_instance_uid,
        series_instance_uid=frame.instance.series_instance_uid,
        frame_number=frame.index + 1 if frame.is_multi_frame else None,
        slope=frame.slope,
        intercept=frame.intercept,
    )
