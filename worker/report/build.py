"""Makes all result objects of one analysis and writes them into a folder."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment
from plugin.domain.wording import Wording
from worker.clinical import ClinicalContext
from worker.findings.language import load_language
from worker.report.clinical_information import clinical_text
from worker.report.figures.canvas import RgbArray
from worker.report.figures.sheet import contour_sheet
from worker.report.figures.summary import summary_page
from worker.report.header import copied_text
from worker.report.identity import AnalysisIdentity, ResultFile, ResultUids, digest_of
from worker.report.passages import with_worded_impression
from worker.report.secondary_capture import secondary_capture
from worker.report.structured_report import structured_report
from worker.volume.types import CineStack

Page = Callable[[CineStack, npt.NDArray[np.uint8], Assessment, AnalysisIdentity], RgbArray]

PAGES: dict[str, Page] = {"summary": summary_page, "contours": contour_sheet}


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


def build_results(
    loaded: Study,
    segmentation: Labels,
    assessment: Assessment,
    identity: AnalysisIdentity,
    folder: Path,
    wording: Wording | None = None,
) -> list[ResultFile]:
    """Write ``sr.dcm``, ``summary.dcm``, ``contours.dcm`` and the pages as PNG into ``folder``.

    Where a language model worded the text (``wording``), report and summary show its words: the
    report in its own language, the pages only if that is English, the language of all pages.

    The folder must exist. Equal inputs (``identity.created_at`` included) give equal bytes.

    Raises
    ------
    OSError
        If the folder cannot be written; a half-written object never has its final name.
    """
    reference, stack = loaded.reference, loaded.stack
    shown = segmentation.labels[[assessment.ed_phase, assessment.es_phase]]
    digest = digest_of(
        assessment.to_json().encode(),
        copied_text(reference).encode(),
        clinical_text(loaded.clinical, load_language(identity.report_language)).encode(),
        shown.tobytes(),
        json.dumps(None if wording is None else asdict(wording)).encode(),
    )
    uids = ResultUids(str(reference.StudyInstanceUID), identity, digest)
    report = structured_report(
        reference, stack, assessment, identity, uids, loaded.clinical, wording
    )
    results = [_write("sr", report, folder)]
    pictured = with_worded_impression(assessment, wording, load_language("en"))
    for kind, draw in PAGES.items():
        page = draw(stack, segmentation.labels, pictured, identity)
        capture = secondary_capture(kind, page, reference, identity, uids)
        results.append(_write(kind, capture, folder))
        Image.fromarray(page).save(folder / f"{kind}.png", compress_level=3)
    return results


def _write(kind: str, dataset: Dataset, folder: Path) -> ResultFile:
    """Write one object under a temporary name, flush it to the disk and rename it."""
    path = folder / f"{kind}.dcm"
    unfinished = folder / f".{kind}.part"
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
