"""Makes all result objects of one analysis and writes them into a folder.

``BUILDERS`` is the table of the kinds, in the order in which they are made and sent.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment
from plugin.domain.wording import Wording
from worker.clinical import ClinicalContext
from worker.explain import Explanation
from worker.findings.language import load_language
from worker.report.cine import cine
from worker.report.clinical_information import clinical_text
from worker.report.encapsulated_pdf import encapsulated_pdf
from worker.report.fhir import FILE_NAME as FHIR_NAME
from worker.report.fhir import fhir_bundle
from worker.report.figures.canvas import RgbArray, png
from worker.report.figures.saliency import saliency_page
from worker.report.figures.sheet import contour_sheet
from worker.report.figures.summary import summary_page
from worker.report.figures.wall import wall_page
from worker.report.header import copied_text
from worker.report.identity import AnalysisIdentity, ResultFile, ResultUids, digest_of
from worker.report.key_objects import key_objects
from worker.report.material import Material
from worker.report.passages import with_worded_impression
from worker.report.presentation_state import presentation_state
from worker.report.saliency import saliency
from worker.report.secondary_capture import secondary_capture
from worker.report.segmentation import segmentation
from worker.report.structured_report import FORMS, report_content, structured_report
from worker.volume.types import CineStack

Page = Callable[[CineStack, npt.NDArray[np.uint8], Assessment, AnalysisIdentity], RgbArray]

PAGES: dict[str, Page] = {
    "summary": summary_page,
    "wall": wall_page,
    "contours": contour_sheet,
}
"""Pages: Secondary Captures that are also written as PNG."""


class Study(Protocol):
    """What the report needs of a loaded study."""

    @property
    def stack(self) -> CineStack:
        """The short-axis cine."""
        ...

    @property
    def reference(self) -> Dataset:
        """Header of one of its images, without pixels."""
        ...

    @property
    def clinical(self) -> ClinicalContext:
        """What the headers of the study tell besides its images."""
        ...


class Labels(Protocol):
    """What the report needs of a segmentation."""

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """``[phase, slice, row, column]``: 1 RV cavity, 2 LV myocardium, 3 LV cavity."""
        ...


Builder = Callable[[Material], Dataset | None]
"""Returns None where the study gives nothing for such an object."""


def _page(kind: str, material: Material) -> Dataset:
    return secondary_capture(
        kind, material.pages[kind], material.reference, material.identity, material.uids
    )


BUILDERS: dict[str, Builder] = {
    **{kind: partial(structured_report, kind) for kind in FORMS},
    **{kind: partial(_page, kind) for kind in PAGES},
    "cine": cine,
    "seg": segmentation,
    "key_objects": key_objects,
    "gsps": presentation_state,
    "pdf": encapsulated_pdf,
    "saliency": saliency,
}
"""One for each of ``plugin.domain.objects.KINDS``, in that order."""


def build_results(
    loaded: Study,
    segmentation: Labels,
    assessment: Assessment,
    identity: AnalysisIdentity,
    folder: Path,
    wording: Wording | None = None,
    explanation: Explanation | None = None,
) -> list[ResultFile]:
    """Write one object ``<kind>.dcm`` for each of ``BUILDERS`` that has one.

    Beside them are the pages as PNG, and ``fhir.json`` with the same statements for interfaces.

    Where a language model worded the text (``wording``), report and summary show its words: the
    report in its own language, the pages only if that is English, the language of all pages.

    The folder must exist. Equal inputs (``identity.created_at`` included) give equal bytes.

    Raises
    ------
    OSError
        If the folder cannot be written; a half-written object never has its final name.
    """
    reference, stack = loaded.reference, loaded.stack
    digest = digest_of(
        assessment.to_json().encode(),
        copied_text(reference).encode(),
        clinical_text(loaded.clinical, load_language(identity.report_language)).encode(),
        repr((loaded.clinical.prior_reports, identity.earlier)).encode(),
        segmentation.labels.tobytes(),
        json.dumps(None if wording is None else asdict(wording)).encode(),
        json.dumps(None if explanation is None else asdict(explanation)).encode(),
    )
    material = Material(
        reference,
        stack,
        segmentation.labels,
        assessment,
        identity,
        ResultUids(str(reference.StudyInstanceUID), identity, digest),
        loaded.clinical,
        wording,
        explanation,
    )
    pages = _draw(material)
    pictures = {kind: png(page) for kind, page in pages.items()}
    for kind, picture in pictures.items():
        (folder / f"{kind}.png").write_bytes(picture)
    material = replace(material, pages=pages, pictures=pictures, report=report_content(material))
    bundle = json.dumps(fhir_bundle(material), ensure_ascii=False, indent=1)
    (folder / FHIR_NAME).write_text(bundle, encoding="utf-8")
    made = ((kind, build(material)) for kind, build in BUILDERS.items())
    return [write_object(kind, dataset, folder) for kind, dataset in made if dataset is not None]


def _draw(material: Material) -> dict[str, RgbArray]:
    """Draw the pages."""
    pictured = with_worded_impression(material.assessment, material.wording, load_language("en"))
    pages = {
        kind: draw(material.stack, material.labels, pictured, material.identity)
        for kind, draw in PAGES.items()
    }
    if material.explanation is not None:
        pages["saliency"] = saliency_page(material.explanation, pictured, material.identity)
    return pages


def write_object(kind: str, dataset: Dataset, folder: Path, name: str = "") -> ResultFile:
    """Write one object under a temporary name, flush it to the disk and rename it.

    Parameters
    ----------
    name
        Of the file, without ``.dcm``; the kind, when empty.
    """
    path = folder / f"{name or kind}.dcm"
    unfinished = folder / f".{name or kind}.part"
    with unfinished.open("wb") as file:
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return ResultFile(
        kind=kind,
        path=path,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
    )
