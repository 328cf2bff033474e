"""Key Object Selection: the few images of a study that a reader should open first.

``key_objects`` selects what the analysis rests on and what it says; ``selection`` is the document
itself, which ``worker.report.rejection`` uses to withdraw objects.

References
----------
DICOM PS3.3 A.35.4 (Key Object Selection IOD), PS3.16 TID 2010, CID 7010 (titles).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.sr import (
    CompositeContentItem,
    ContainerContentItem,
    ContentItem,
    ImageContentItem,
    TextContentItem,
)
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from plugin.domain.findings import Code
from plugin.domain.objects import SOP_CLASSES_OF_KIND
from worker.findings.volumes import LV_CAVITY
from worker.report.codes import concept
from worker.report.documents import observer, referenced_requests
from worker.report.header import result_dataset
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity
from worker.report.material import Material
from worker.report.references import hierarchical, instance_item
from worker.report.structures import ends_of_cycle
from worker.volume.types import FrameReference

SERIES_NUMBER = 9922
SERIES_DESCRIPTION = "AI CMR key images (not verified)"
OF_INTEREST = Code("113000", "DCM", "Of Interest")
_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
_SOURCE = Code("260753009", "SCT", "Source")
_TEMPLATE = "2010"


@dataclass(frozen=True, slots=True)
class Selected:
    """One selected object; ``frame_number`` only of a multi-frame image."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    is_image: bool
    frame_number: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentIdentifiers:
    """How the document is filed."""

    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    series_description: str


def key_objects(material: Material) -> Dataset:
    """Return the selection: a middle slice at ED and ES, the summary page and the report."""
    z = middle_slice(material)
    assessment, uids = material.assessment, material.uids
    selected = [
        _of_frame(material.stack.frames[phase][z]) for _, phase in ends_of_cycle(assessment)
    ]
    selected += [
        Selected(SOP_CLASSES_OF_KIND[kind], uids.instance(kind), uids.series(kind), kind != "sr")
        for kind in ("summary", "sr")
    ]
    words = (
        f"Middle slice ({z + 1} of {material.stack.n_slices}) at end-diastole and end-systole, "
        f"summary page and report of the analysis. {NOT_VERIFIED}."
    )
    return selection(
        OF_INTEREST,
        words,
        selected,
        material.reference,
        material.identity,
        DocumentIdentifiers(
            uids.instance("key_objects"),
            uids.series("key_objects"),
            SERIES_NUMBER,
            SERIES_DESCRIPTION,
        ),
    )


def middle_slice(material: Material) -> int:
    """Return the middle one of the slices that show the LV cavity at end-diastole."""
    cavity = material.labels[material.assessment.ed_phase] == LV_CAVITY
    shown = np.flatnonzero(cavity.any(axis=(1, 2)))
    return int(shown[len(shown) // 2]) if shown.size else material.stack.n_slices // 2


def selection(
    title: Code,
    description: str,
    selected: Sequence[Selected],
    reference: Dataset,
    identity: AnalysisIdentity,
    filed: DocumentIdentifiers,
) -> Dataset:
    """Return a Key Object Selection document.

    Parameters
    ----------
    reference
        Header of any object of the study; patient and study attributes are copied from it.
    """
    dataset = result_dataset(
        reference,
        identity,
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        sop_instance_uid=filed.sop_instance_uid,
        series_instance_uid=filed.series_instance_uid,
        modality="KO",
        series_number=filed.series_number,
        series_description=filed.series_description,
    )
    dataset.ReferencedPerformedProcedureStepSequence = []
    requests = referenced_requests(reference)
    if requests:
        dataset.ReferencedRequestSequence = requests
    dataset.CurrentRequestedProcedureEvidenceSequence = [
        _evidence(selected, str(reference.StudyInstanceUID))
    ]
    for element in ContainerContentItem(concept(title), template_id=_TEMPLATE):
        dataset[element.tag] = element
    dataset.ContentSequence = [
        *observer(identity),
        TextContentItem(concept(_DESCRIPTION), description, relationship_type="CONTAINS"),
        *(_item(one) for one in selected),
    ]
    return dataset


def _of_frame(frame: FrameReference) -> Selected:
    return Selected(
        frame.sop_class_uid,
        frame.sop_instance_uid,
        frame.series_instance_uid,
        is_image=True,
        frame_number=frame.frame_number,
    )


def _evidence(selected: Iterable[Selected], study_instance_uid: str) -> Dataset:
    by_series: dict[str, dict[str, Dataset]] = {}
    for one in selected:
        items = by_series.setdefault(one.series_instance_uid, {})
        items[one.sop_instance_uid] = instance_item(one.sop_class_uid, one.sop_instance_uid)
    return hierarchical(
        study_instance_uid, {uid: list(items.values()) for uid, items in by_series.items()}
    )


def _item(one: Selected) -> ContentItem:
    """Return the reference without a name of its own, which TID 2010 forbids."""
    item: ContentItem
    if one.is_image:
        item = ImageContentItem(
            name=concept(_SOURCE),
            referenced_sop_class_uid=one.sop_class_uid,
            referenced_sop_instance_uid=one.sop_instance_uid,
            referenced_frame_numbers=None if one.frame_number is None else [one.frame_number],
            relationship_type="CONTAINS",
        )
    else:
        item = CompositeContentItem(
            name=concept(_SOURCE),
            referenced_sop_class_uid=one.sop_class_uid,
            referenced_sop_instance_uid=one.sop_instance_uid,
            relationship_type="CONTAINS",
        )
    del item.ConceptNameCodeSequence
    return item
